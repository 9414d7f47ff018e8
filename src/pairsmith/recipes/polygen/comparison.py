"""Arms of several seeds beside each other: joined figures, delta MTL, and differences in pairs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pairsmith.evaluation.bootstrap import Interval
from pairsmith.evaluation.image_text.delta_over_seeds import TaskScores, delta_mtl_over_seeds
from pairsmith.evaluation.scene_suite import MTL_TASKS
from pairsmith.evaluation.several_seeds import PERCENT, difference_of_means, over_seeds, seeds_and_images

DELTA = "delta_mtl"


@dataclass(frozen=True)
class ArmScores:
    """An arm with all its seeds.

    Attributes:
        name: of the arm.
        seeds: that were trained.
        metrics: figure -> interval in percent, over items and seeds.
        units: figure -> scores [S, U] of the figures whose items are kept.
    """

    name: str
    seeds: tuple[int, ...]
    metrics: dict[str, Interval]
    units: dict[str, TaskScores]


def join_arms(entries: Iterable[Mapping[str, Any]], order: Sequence[str]) -> dict[str, ArmScores]:
    """Arms by name from the files of `evaluation/arms`; those that `order` does not name are left out."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for entry in entries:
        groups.setdefault(str(entry["arm"]), []).append(entry)
    return {name: _join(name, groups[name]) for name in order if name in groups}


def common_seeds(first: ArmScores, second: ArmScores) -> list[int]:
    """Seeds that both arms were trained with."""
    return [seed for seed in first.seeds if seed in second.seeds]


def delta(arm: ArmScores, baseline: ArmScores) -> Interval | None:
    """Delta MTL over the seeds that both were trained with; None where the baseline has nothing right in some task."""
    ours, theirs = (_tasks(one, common_seeds(arm, baseline)) for one in (arm, baseline))
    if any(not task.scores.mean() for task in theirs.values()):
        return None
    return delta_mtl_over_seeds(ours, theirs)


def difference(arm: ArmScores, other: ArmScores, key: str) -> Interval:
    """A figure of an arm minus that of another, in points, on the same items and seeds."""
    seeds = common_seeds(arm, other)
    return difference_of_means(_of_seeds(arm, key, seeds).scores, _of_seeds(other, key, seeds).scores)


def best_single(
    arms: Mapping[str, ArmScores], singles: Iterable[str], baseline: ArmScores, key: str = DELTA
) -> str | None:
    """The single arm that is best at a figure, chosen on the tests themselves, in its own favour.

    Args:
        arms: by name.
        singles: which of them are of a single generator.
        baseline: of delta MTL.
        key: of a figure, or `DELTA`.
    """

    def value(name: str) -> float:
        if key != DELTA:
            return arms[name].metrics[key].value
        change = delta(arms[name], baseline)
        return -math.inf if change is None else change.value

    return max((name for name in singles if name in arms), key=value, default=None)


def _join(name: str, entries: Sequence[Mapping[str, Any]]) -> ArmScores:
    entries = sorted(entries, key=lambda entry: int(entry["seed"]))
    units: dict[str, TaskScores] = {}
    for key, first in entries[0]["units"].items():
        rows = [entry["units"][key]["values"] for entry in entries]
        units[key] = TaskScores(first["units"], np.array(rows, np.float64))
    metrics = {
        key: seeds_and_images(units[key].scores, PERCENT)
        if key in units and len(entries) > 1
        else over_seeds([Interval(**entry["metrics"][key]) for entry in entries])
        for key in entries[0]["metrics"]
    }
    for key, joined in metrics.items():  # `n` counts items, not the units that are drawn
        metrics[key] = Interval(joined.value, joined.low, joined.high, int(entries[0]["metrics"][key]["n"]))
    return ArmScores(name, tuple(int(entry["seed"]) for entry in entries), metrics, units)


def _of_seeds(arm: ArmScores, key: str, seeds: Sequence[int]) -> TaskScores:
    rows = [arm.seeds.index(seed) for seed in seeds]
    return TaskScores(arm.units[key].units, arm.units[key].scores[rows])


def _tasks(arm: ArmScores, seeds: Sequence[int]) -> dict[str, TaskScores]:
    return {task: _of_seeds(arm, key, seeds) for task, key in MTL_TASKS.items()}
