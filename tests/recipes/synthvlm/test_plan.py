"""The plan's totals, checked by hand arithmetic and against published figures."""

from __future__ import annotations

import pytest

from pairsmith.errors import InputError
from pairsmith.recipes.synthvlm import networks
from pairsmith.recipes.synthvlm.plan import Assumptions, SynthvlmPlan, plan_synthvlm
from pairsmith.recipes.synthvlm.presets import PRESETS
from pairsmith.recipes.synthvlm.settings import SynthvlmSettings
from pairsmith.recipes.work import count_parameters
from pairsmith.settings import load_settings

MILLION = 1_000_000


@pytest.fixture(scope="module")
def plan() -> SynthvlmPlan:
    return plan_synthvlm(PRESETS["paper"])


def test_networks_have_the_published_sizes(plan: SynthvlmPlan) -> None:
    sizes = {name: count for name, count, _, _ in plan.parts}
    assert sizes["SDXL: denoising network"] == 2_567_463_684  # of the released weights
    assert sizes["language model lmsys/vicuna-7b-v1.5"] == 6_738_415_616  # Llama 2 7B
    assert sizes["projector"] == (1024 + 1) * 4096 + (4096 + 1) * 4096
    assert sizes["CLIP ViT-B/32"] == 151_277_312  # less the one learnt temperature
    assert sizes["SDXL: decoder of pictures"] == 49_490_179
    assert sizes["SDXL: text encoders"] == 123_060_480 + 694_659_840
    assert (
        count_parameters(networks.on_meta(networks.VISION_TOWERS["openai/clip-vit-large-patch14-336"])) == 303_507_456
    )


def test_drawing_is_steps_times_guidance_times_the_network(plan: SynthvlmPlan) -> None:
    flops = {name: value for name, _, value, _ in plan.parts}
    one = flops["SDXL: denoising network"]
    # The literature's 5.98 T leave the products of attention out: 4 T² D in 10 blocks of 4096 tokens and 60 of 1024.
    attention = 10 * 4 * 4096**2 * 640 + 60 * 4 * 1024**2 * 1280
    assert one - attention == pytest.approx(5.98e12, rel=0.02)
    drawing = plan.work[0]
    by_hand = MILLION * (60 * 2 * one + flops["SDXL: decoder of pictures"] + flops["SDXL: text encoders"])
    # A caption is read once: SDXL takes zeros for an empty negative prompt. 2 FLOPs a weight and token.
    assert flops["SDXL: text encoders"] == 2 * 77 * (12 * 12 * 768**2 + 32 * 12 * 1280**2)
    assert drawing.flops == pytest.approx(by_hand)
    assert drawing.hours == pytest.approx(by_hand / (989e12 * 0.3) / 3600)
    assert 600 < drawing.hours < 800


def test_trainings_by_hand(plan: SynthvlmPlan) -> None:
    """Llama: 2 FLOPs a weight and token, 4 T² D a layer for attention, and the output layer where there is loss."""
    stage_1, stage_2 = plan.work[2:]
    layer = 4 * 4096 * 4096 + 3 * 4096 * 11008

    def language(tokens: int, answered: int) -> float:
        return 32 * (2 * layer * tokens + 4 * tokens**2 * 4096) + 2 * 4096 * 32000 * answered

    flops = {name: value for name, _, value, _ in plan.parts}
    picture = flops["vision tower openai/clip-vit-large-patch14-336"] + 3 * flops["projector"]
    assert flops["projector"] == 2 * 576 * (1024 * 4096 + 4096 * 4096)
    rows = 391 * 256
    assert stage_1.flops == pytest.approx(rows * (picture + 3 * language(606, 30)), rel=1e-6)  # 2, and recomputed
    assert stage_2.flops == pytest.approx(665_298 * (picture + 4 * language(876, 150)), rel=1e-6)  # 3, and recomputed
    assert stage_2.hours == pytest.approx(stage_2.flops / (989e12 * 0.4) / 3600)
    assert stage_1.repeated == stage_2.repeated == 6  # arms


def test_stage_1_takes_what_llava_reports() -> None:
    """LLaVA-1.5 7B pre-trained on 558K pairs in 3.5 hours on eight A100 (312 T)."""
    paper = PRESETS["paper"]
    longer = paper.stage_1.training.model_copy(update={"steps": 2181})  # 558K / 256
    settings = paper.model_copy(update={"stage_1": paper.stage_1.model_copy(update={"training": longer})})
    found = plan_synthvlm(settings, Assumptions(peak=312e12))
    assert found.work[2].hours / 8 == pytest.approx(3.5, rel=0.35)


def test_what_the_settings_leave_open_is_the_pipelines_own() -> None:
    """Null means the pipeline's own, as in drawing; and pictures need not be square."""
    small = PRESETS["small"].to_dict()
    told = load_settings(SynthvlmSettings, small, None, ["images.diffusers={steps: 4, width: 512, height: 512}"])
    open_ones = load_settings(
        SynthvlmSettings, small, None, ["images.diffusers={width: null, height: null, steps: null}"]
    )
    assert plan_synthvlm(open_ones).metrics() == plan_synthvlm(told).metrics()
    wide = load_settings(SynthvlmSettings, small, None, ["images.diffusers={width: 768, height: 512}"])
    stored = {name: size for name, _, size in plan_synthvlm(wide).storage}
    assert stored["drawn pictures"] == 2 * MILLION * 768 * 512 * 3 / 8


def test_scoring_storage_and_cost_add_up(plan: SynthvlmPlan) -> None:
    assert plan.work[1].hours == pytest.approx((2.5 * MILLION + MILLION) / 100 / 3600)
    stored = {name: size for name, _, size in plan.storage}
    assert stored["drawn pictures"] == MILLION * 1024 * 1024 * 3 / 8
    weights = 6_738_415_616 + 20_979_712 + 303_507_456
    assert stored["LLaVAs of stage 1"] == 6 * 4 * weights
    assert stored["LLaVAs of stage 2"] == 6 * 2 * weights
    drawing, scoring, first, second = plan.work
    hours = drawing.hours + scoring.hours + 6 * (first.hours + second.hours)
    assert plan.hours == pytest.approx(hours)
    assert plan.cost == pytest.approx(2.5 * hours)
    metrics = plan.metrics()
    assert metrics["plan.gpu_hours"].value == plan.hours
    assert metrics["plan.storage_bytes"].value == sum(stored.values())


def test_what_is_not_known_is_refused() -> None:
    for override, words in (
        ("images.generator=someone/else", "'images'.*someone/else.*not known"),
        ("images.diffusers={width: 520, height: 512}", "'images'.*multiples of 32"),
        ("stage_1.parts.language_model=someone/else", "language_model.*not known here"),
        ("images.diffusers.refiner=x", "refiner"),
    ):
        settings = load_settings(SynthvlmSettings, PRESETS["small"].to_dict(), None, [override])
        with pytest.raises(InputError, match=words):
            plan_synthvlm(settings)
