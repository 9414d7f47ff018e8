"""Delta MTL over seeds: the value by its definition, the interval by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t

from pairsmith.errors import InputError
from pairsmith.evaluation.image_text.aggregates import delta_mtl
from pairsmith.evaluation.image_text.delta_over_seeds import TaskScores, delta_mtl_over_seeds


def scores(seed, seeds=3, items=50, mean=50.0, units="a"):
    return TaskScores(units, np.random.default_rng(seed).normal(mean, 10.0, (seeds, items)))


def test_the_value_is_that_of_the_means():
    ours = {"probe": scores(0), "shots": scores(1, mean=70, units="b", items=20)}
    base = {"probe": scores(2, mean=40), "shots": scores(3, mean=60, units="b", items=20)}
    found = delta_mtl_over_seeds(ours, base)
    means = [{task: own.scores.mean() for task, own in side.items()} for side in (ours, base)]
    assert found.value == pytest.approx(delta_mtl(*means))
    assert found.n == 70
    assert found.low < found.value < found.high


def test_the_interval_of_one_task_by_hand():
    ours = TaskScores("a", np.array([[60.0, 80.0, 70.0], [62.0, 78.0, 76.0]]))
    base = TaskScores("a", np.full((2, 3), 50.0))
    found = delta_mtl_over_seeds({"x": ours}, {"x": base})
    # Against a constant baseline, the linear form is 100 (x / 50 - 1).
    linear = 100 * (ours.scores / 50 - 1)
    items, seeds = linear.mean(axis=0), linear.mean(axis=1)
    half = np.hypot(t.ppf(0.975, 2) * items.std(ddof=1) / np.sqrt(3), t.ppf(0.975, 1) * seeds.std(ddof=1) / np.sqrt(2))
    assert (found.value, found.high - found.value) == pytest.approx((linear.mean(), half))


def test_an_arm_against_itself_is_certainly_nothing():
    own = {"x": scores(0), "y": scores(1)}
    found = delta_mtl_over_seeds(own, own)
    assert (found.value, found.low, found.high) == pytest.approx((0, 0, 0), abs=1e-9)


def test_tasks_on_the_same_items_move_together():
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 10, (1, 400))
    ours = [TaskScores(units, 60 + noise) for units in ("a", "a", "b")]
    base = [TaskScores(units, np.full((1, 400), 50.0)) for units in ("a", "a", "b")]

    def half(first, second):
        found = delta_mtl_over_seeds({"x": ours[first], "y": ours[second]}, {"x": base[first], "y": base[second]})
        return found.high - found.value

    assert half(0, 1) == pytest.approx(half(0, 2) * np.sqrt(2))


def test_what_cannot_be_compared():
    with pytest.raises(InputError, match="other items"):
        delta_mtl_over_seeds({"x": scores(0)}, {"x": scores(0, units="b")})
    with pytest.raises(InputError, match="not for both"):
        delta_mtl_over_seeds({"x": scores(0)}, {"y": scores(0)})
    with pytest.raises(InputError, match="same seeds"):
        delta_mtl_over_seeds(
            {"x": scores(0), "y": scores(1, seeds=2, units="b")}, {"x": scores(0), "y": scores(1, seeds=2, units="b")}
        )
