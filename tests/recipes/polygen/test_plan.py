"""The plan's sums, by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from pairsmith.errors import InputError
from pairsmith.pairs import Pair, PairStore
from pairsmith.recipes.polygen.arms import make_arms
from pairsmith.recipes.polygen.plan import Assumptions, plan_polygen
from pairsmith.recipes.polygen.presets import load_preset
from pairsmith.recipes.work import Devices
from pairsmith.stages.allocation import allocate
from pairsmith.stages.joined_allocation import JoinedAllocation
from pairsmith.stages.negative_rows import add_negative_rows
from tests.recipes.polygen.tiny import small_settings

SMALL = ("budget=1000", "caption_count=1200", "clip.training.batch_size=100", "clip.epochs=3", "seeds=2")


def test_sums_by_hand():
    plan = plan_polygen(load_preset("paper", overrides=SMALL), Devices(count=4, peak=1e15, utilisation=0.5))
    by_name = {one.name: one for one in plan.drawn}
    # Four generators: each draws its single arm's 1,000 and a quarter of the 500 negatives; two curricula share them.
    assert {name: one.pictures for name, one in by_name.items()} == dict.fromkeys(by_name, 1125)
    assert plan.pictures == 4500
    assert by_name["sd_1_5"].alone == {
        "single_sd_1_5": 1000, "ensemble": 250, "negatives": 250, "negatives_constant": 250,
    }  # fmt: skip
    work = by_name["sd_1_5"].work
    assert work.flops == work.text + 50 * 2 * work.denoiser + work.decoder
    assert by_name["sdxl_turbo"].work.passes == 1
    assert plan.drawing_flops == sum(one.work.flops * 1125 for one in plan.drawn)
    # Captions: 95 tokens at 2 FLOPs a parameter each.
    assert plan.caption_flops == pytest.approx(2 * 7.24e9 * 95 * 1200)
    assert plan.negative_flops == pytest.approx(2 * 8.03e9 * 95 * 1200)
    # Seven arms, two seeds; three epochs of ten steps.
    assert (plan.runs, plan.training.steps) == (14, 30)
    assert plan.training.trained == pytest.approx(149.6e6, rel=1e-3)
    total = plan.caption_flops + plan.negative_flops + plan.drawing_flops + 14 * 30 * plan.training.flops_per_step
    assert plan.flops == pytest.approx(total)
    metrics = plan.metrics()
    assert metrics["plan.device_days"].value == pytest.approx(total / (1e15 * 0.5) / 86_400)
    assert metrics["plan.storage.token_bytes"].value == 4500 * 512
    assert metrics["plan.storage.encoded_bytes"].value == pytest.approx(4500 * 256 * 256 * 1.5 / 8)
    assert metrics["plan.generator.sd_1_5.pictures"].value == 1125
    # Each of the seven arms' stores holds its 1,000 pictures once more.
    assert plan.copies == 7000
    assert metrics["plan.storage.arm_copies_bytes"].value == pytest.approx(7000 * 256 * 256 * 1.5 / 8)


def test_assumptions_are_options():
    settings = load_preset("paper", overrides=[*SMALL, "negatives.by=rules", "negatives.base_url=null"])
    plan = plan_polygen(
        settings, None, Assumptions(writer_parameters=1e9, prompt_tokens=5, caption_tokens=5, tokens=64)
    )
    assert plan.caption_flops == pytest.approx(2e9 * 10 * 1200)
    assert plan.negative_flops == 0
    assert plan.token_bytes == 128


@pytest.mark.parametrize("arms", [[], ["arms=[single, repeated, ensemble, negatives]"], ["arms=[repeated, negclip]"]])
def test_pictures_drawn_once_are_those_of_the_joined_allocation(tmp_path: Path, arms: list[str]):
    settings = load_preset("paper", overrides=["budget=48", *arms])
    rows = [
        Pair(id=f"{number:04}", caption=f"caption {number}", negative=f"false {number}", negative_kind="object")
        for number in range(60)
    ]
    both = add_negative_rows(PairStore.write(tmp_path / "a", rows, settings={}), tmp_path / "b")
    plans = [allocate(both, arm.allocation(settings)) for arm in make_arms(settings)]
    found = plan_polygen(settings)
    assert JoinedAllocation(plans).counts() == {
        one.name: one.pictures for one in sorted(found.drawn, key=lambda x: x.name)
    }
    for one in found.drawn:
        for arm, count in one.alone.items():
            number = [arm.name for arm in make_arms(settings)].index(arm)
            assert plans[number].counts()[one.name] == count
    assert found.copies == sum(len(plan) for plan in plans)


def test_generators_that_cannot_be_counted_are_named():
    with pytest.raises(InputError, match="generator masked"):
        plan_polygen(small_settings())
    entry = "generators=[{name: mine, kind: diffusers, source: someone/something}]"
    with pytest.raises(InputError, match="someone/something"):
        plan_polygen(load_preset("paper", overrides=[entry]))
