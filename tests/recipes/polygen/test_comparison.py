"""Joined arms: which single generator is best at what, relative change, and several test sets in one figure."""

from __future__ import annotations

import numpy as np
import pytest

from pairsmith.evaluation.scene_suite import MTL_TASKS
from pairsmith.evaluation.score import Score, weighted_mean
from pairsmith.evaluation.several_seeds import t_half_width
from pairsmith.recipes.polygen.comparison import best_single, delta, join_arms
from pairsmith.recipes.polygen.encoders import COMPOSITIONAL
from pairsmith.recipes.polygen.suite import unit_scores


def entry(arm: str, seed: int, **values: float) -> dict:
    """A file of `evaluation/arms`: two items a figure, two points apart."""
    keys = [*MTL_TASKS.values(), *COMPOSITIONAL]
    found = {key: values.get(key, 50.0) + seed for key in keys}
    return {
        "arm": arm,
        "seed": seed,
        "metrics": {key: {"value": value, "low": None, "high": None, "n": 2} for key, value in found.items()},
        "units": {key: {"units": key, "values": [value - 1, value + 1]} for key, value in found.items()},
    }


def arms_of(**arms: dict[str, float]) -> dict:
    entries = [entry(name, seed, **values) for name, values in arms.items() for seed in (0, 2)]
    return join_arms(entries, list(arms))


def test_the_best_single_generator_is_chosen_figure_by_figure():
    probe = MTL_TASKS["linear_probe"]
    arms = arms_of(single_a={}, single_b={probe: 70.0}, single_c={"sugarcrepe_pp_itt": 60.0})
    singles = list(arms)
    assert best_single(arms, singles, arms["single_a"]) == "single_b"
    assert best_single(arms, singles, arms["single_a"], "sugarcrepe_pp_itt") == "single_c"
    assert best_single(arms, ["single_d"], arms["single_a"]) is None


def test_delta_is_the_mean_relative_change_of_the_joined_figures():
    probe = MTL_TASKS["linear_probe"]
    arms = arms_of(single_a={}, ensemble={probe: 61.2})
    change = delta(arms["ensemble"], arms["single_a"])
    assert change is not None
    assert change.value == pytest.approx(100 * (62.2 - 51) / 51 / 5)  # seeds 0 and 2 add 0 and 2 points


def test_a_baseline_that_has_nothing_right_gives_no_relative_change():
    arms = arms_of(single_a=dict.fromkeys(MTL_TASKS.values(), -1.0), ensemble={})  # -1 and 1: 0 in the mean
    assert delta(arms["ensemble"], arms["single_a"]) is None
    assert best_single(arms, ["single_a"], arms["single_a"]) == "single_a"


def test_several_test_sets_weigh_alike_and_their_distance_is_no_noise():
    rng = np.random.default_rng(0)
    sets = []
    for mean, count in ((20.0, 40), (80.0, 400)):
        values = rng.normal(mean, 5, count)
        values += mean - values.mean()
        rows = np.stack([values, np.ones(count)], axis=1)
        names = tuple(f"{mean} {n}" for n in range(count))
        sets.append(Score(names, rows, weighted_mean, names, values))
    joined = unit_scores(sets).values
    assert joined.mean() == pytest.approx(50)
    halves = [t_half_width(one.rows[:, 0]) for one in sets]
    assert t_half_width(joined) == pytest.approx(np.hypot(*halves) / 2, rel=0.05)
