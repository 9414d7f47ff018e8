"""Sentences: a rise is a rise, a fall is a fall, and what cannot be told apart is not."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from pairsmith.pairs import Pair, PairStore, imported_id
from pairsmith.report import story
from pairsmith.report.arms import ArmResult, join_seeds
from pairsmith.report.run_folder import RunFolder
from tests.report.conftest import Copy
from tests.report.test_arms import entry

IMAGES = np.random.default_rng(2).normal(100, 20, 50)


def two_arms(shift: float, noise: float = 0.0, **curves: list[dict[str, float]]) -> dict[str, ArmResult]:
    other = IMAGES + shift + np.random.default_rng(3).normal(0, noise, 50)
    scores = {"baseline": IMAGES.tolist(), "synthetic": other.tolist()}
    return join_seeds([entry(name, values, curve=curves.get(name, [])) for name, values in scores.items()])


@pytest.mark.parametrize(
    ("shift", "noise", "words"),
    [
        (60, 0, "CIDEr rose from"),
        (-60, 0, "CIDEr fell from"),
        (3, 0, "not significant by that test; image by image the difference is +3.0"),
        (0.5, 60, "not significant, this run cannot tell them apart"),
        (0, 0, "CIDEr stayed at"),
    ],
)
def test_the_headline_says_what_the_intervals_say(shift: float, noise: float, words: str) -> None:
    assert words in story.headline(two_arms(shift, noise))


def test_the_headline_without_an_arm() -> None:
    arms = two_arms(1)
    del arms["synthetic"]
    assert story.headline(arms) == "Synth² has no results, so nothing is compared."
    assert story.headline({}) == "Baseline and Synth² have no results, so nothing is compared."


def test_the_share_of_gold_needs_a_clear_gold() -> None:
    arms = two_arms(30) | join_seeds([entry("gold", (IMAGES + 60).tolist())])
    assert "50\u00a0% of that" in story.gold_share(arms)
    unclear = two_arms(30) | join_seeds([entry("gold", (IMAGES + 1).tolist())])
    assert story.gold_share(unclear) == ""
    assert story.gold_share(two_arms(30)) == ""


def test_parity_is_the_first_point_at_the_baselines_last() -> None:
    slow = [{"step": step, "cider": step / 10} for step in (100, 200, 300)]
    fast = [{"step": step, "cider": step / 6} for step in (100, 200, 300)]
    found = story.parity(two_arms(0, baseline=slow, synthetic=fast))
    assert "(30.0, after 300 steps) at the point after 200 steps, 67\u00a0% of them" in found
    assert "does not reach" in story.parity(two_arms(0, baseline=fast, synthetic=slow))
    assert "too short" in story.parity(two_arms(0, baseline=slow[-1:], synthetic=fast))


def test_the_stage_times_explain_the_ratio() -> None:
    stages = {"embed captions": 10.0, "draw tokens": 90.0, "decode to pixels": 30.0, "encode pixels": 20.0}
    found = {"ratio": {"value": 1.5}, "stages_ms": stages, "token_agreement": 0.93}
    found["bytes_per_image"] = {"tokens": 512, "pixels": 196_608}
    text = story.speed(found)
    assert "takes 50 ms beside the 100 ms" in text
    assert "a ratio of 1.50" in text
    assert "93.0\u00a0% of the tokens" in text
    assert "512 bytes as tokens and 192 KiB as raw pixels, 384 times" in text
    assert story.speed({}) == "The ratio of the two paths was not measured."


@pytest.mark.parametrize(("synthetic", "words"), [(4.0, "more evenly"), (2.0, "less evenly"), (3.05, "spread alike")])
def test_which_captions_are_more_diverse(synthetic: float, words: str) -> None:
    sets = {
        "synthetic": {"entropy_bits": {"mean": synthetic, "std": 0.05}},
        "real": {"entropy_bits": {"mean": 3.0, "std": 0.05}},
    }
    assert words in story.diversity(sets, 16)
    assert "of 4.00 that" in story.diversity(sets, 16)
    assert "Only one set" in story.diversity({"real": sets["real"]}, 16)


def test_a_gold_without_true_pictures_is_explained(scene_run: Path, copy: Copy) -> None:
    out = copy(scene_run)
    assert story.gold_left_out(RunFolder(out)) == ""
    shutil.rmtree(out / "gold")
    for file in (out / "evaluation" / "arms").glob("gold-*.json"):
        file.unlink()
    assert story.gold_left_out(RunFolder(out)) == ""  # unfinished, not left out
    failed = [Pair(id=imported_id("t", "x"), caption="x", status="failed", reason="not a sentence about a scene: 'x'")]
    PairStore.write(out / "gold", failed, settings={})
    assert "not one of 1 written caption is a sentence" in story.gold_left_out(RunFolder(out))
    assert story.gold_left_out(RunFolder(out)) in story.limits(RunFolder(out))


def test_cut_captions_are_told_as_a_share_of_all(scene_run: Path) -> None:
    told = " ".join(story.quality(RunFolder(scene_run)))
    assert "2 % of the captions were longer than the generator reads, and were cut." in told


def test_test_images_that_come_twice_or_were_trained_on_are_told(scene_run: Path, copy: Copy) -> None:
    out = copy(scene_run)
    file = out / "evaluation" / "overlap.json"
    file.write_text('{"test": 400, "distinct": 355, "in_training": 135}')
    told = " ".join(story.limits(RunFolder(out)))
    assert "Of the 400 test images, 355 differ from one another, and 135 are also images of real training pairs" in told
    file.write_text('{"test": 400, "distinct": 400, "in_training": 0}')
    assert story.image_overlap(RunFolder(out)) is None
