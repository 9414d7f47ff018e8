"""Arms: seeds joined as metrics.json joins them, and comparisons that are paired by image."""

from __future__ import annotations

import json
import math
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pairsmith.evaluation import read_metrics
from pairsmith.report.arms import difference, join_seeds, relative_gain


def entry(arm: str, scores: list[float], seed: int = 0, **more: Any) -> dict[str, Any]:
    """A file of evaluation/arms."""
    value = {"value": float(np.mean(scores)), "low": 1.0, "high": 2.0, "n": len(scores)}
    return {"arm": arm, "seed": seed, "metrics": {"cider_d": value}, "per_image": {"cider_d": scores}, **more}


def test_joined_as_in_metrics_json(scene_run: Path) -> None:
    entries = [json.loads(file.read_text()) for file in sorted((scene_run / "evaluation" / "arms").glob("*.json"))]
    metrics = read_metrics(scene_run)
    arms = join_seeds(entries)
    assert list(arms) == ["baseline", "synthetic", "pixels", "gold"]
    for name, arm in arms.items():
        for ours, theirs in (("cider_d", "cider"), ("bleu_4", "bleu_4"), ("rouge_l", "rouge_l")):
            wanted, found = metrics[f"synth2.{name}.{theirs}"], arm.metrics[ours]
            assert (found.value, found.low, found.high) == pytest.approx((wanted.value, wanted.low, wanted.high))
        wanted = metrics[f"synth2.{name}.truth.held_out.exact"]
        assert arm.truth["held-out"]["exact"].value == pytest.approx(wanted.value)
    gain = relative_gain(arms["synthetic"], arms["baseline"])
    assert gain is not None
    assert gain.value == pytest.approx(metrics["synth2.gain.relative"].value)


def test_seeds_and_curves() -> None:
    curves = [[{"step": 10, "cider": 4.0}, {"step": 20, "cider": 9.0}], [{"step": 10, "cider": 6.0}]]
    arm = join_seeds([entry("gold", [float(seed)] * 4, seed, curve=curves[seed]) for seed in (1, 0)])["gold"]
    assert arm.seeds == (0, 1)
    assert arm.by_seed == (0.0, 1.0)
    assert arm.seed_std == pytest.approx(statistics.stdev([0.0, 1.0]))
    assert [(point.step, point.mean, point.std) for point in arm.curve] == [
        (10, 5.0, pytest.approx(math.sqrt(2))),
        (20, 9.0, None),
    ]
    assert arm.first_scores is not None
    assert arm.first_scores.tolist() == [0.0] * 4


def test_pairing_sees_what_overlapping_intervals_hide() -> None:
    images = np.random.default_rng(0).normal(100, 50, 60)  # images differ far more than the arms do
    arms = join_seeds([entry("baseline", images.tolist()), entry("synthetic", (images + 5).tolist())])
    found = difference(arms["synthetic"], arms["baseline"])
    assert found is not None
    assert found.overlap
    assert found.clear_by_image
    assert found.value.value == pytest.approx(5)
    assert (found.value.low, found.value.high) == (pytest.approx(5), pytest.approx(5))
    same = difference(arms["baseline"], arms["baseline"])
    assert same is not None
    assert not same.clear_by_image


def test_far_apart_arms_do_not_overlap() -> None:
    arms = join_seeds([entry("baseline", [1.0, 2.0, 3.0] * 5), entry("synthetic", [11.0, 12.0, 13.0] * 5)])
    found = difference(arms["synthetic"], arms["baseline"])
    assert found is not None
    assert not found.overlap


@pytest.mark.parametrize("scores", [[], [math.nan] * 3, [1.0, 2.0]])
def test_scores_that_do_not_pair_leave_a_plain_difference(scores: list[float]) -> None:
    other = entry("synthetic", [4.0, 4.0, 4.0])
    base = entry("baseline", [2.0, 2.0, 2.0])
    base["per_image"]["cider_d"] = scores
    arms = join_seeds([base, other])
    found, gain = difference(arms["synthetic"], arms["baseline"]), relative_gain(arms["synthetic"], arms["baseline"])
    assert found is not None
    assert gain is not None
    assert found.value.low is None
    assert gain.low is None


def test_no_gain_over_nothing() -> None:
    arms = join_seeds([entry("baseline", [0.0, 0.0]), entry("synthetic", [4.0, 4.0])])
    assert relative_gain(arms["synthetic"], arms["baseline"]) is None


def test_unknown_arms_are_passed_over() -> None:
    assert join_seeds([entry("silver", [1.0])]) == {}
