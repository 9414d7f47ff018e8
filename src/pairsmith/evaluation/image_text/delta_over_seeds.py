"""Delta MTL of models that were trained with several seeds, with an interval over test items and seeds.

Delta MTL is a mean of ratios, so its interval is that of its linear form around the means (delta method). Tasks that
are measured on the same items move together and are added item by item; of items that differ, variances are added. As
in `several_seeds`, what seeds and what items leave open are two half widths by Student's t, joined as root of squares.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pairsmith.errors import InputError
from pairsmith.evaluation.bootstrap import Interval
from pairsmith.evaluation.image_text.aggregates import delta_mtl
from pairsmith.evaluation.several_seeds import t_half_width

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TaskScores:
    """A task's figure with every seed.

    Attributes:
        units: what stands for its test items and their order.
        scores: [S, U]; the mean over items is a seed's figure.
    """

    units: str
    scores: Floats


def delta_mtl_over_seeds(ours: Mapping[str, TaskScores], baseline: Mapping[str, TaskScores]) -> Interval:
    """Mean relative change over a baseline in percent; `n` counts test items, each once.

    Args:
        ours, baseline: task -> scores, of the same seeds and items in the same order; the seeds are taken in pairs.

    Raises:
        InputError: other tasks, items or numbers of seeds than the baseline's, or a baseline of 0.
    """
    value = delta_mtl(
        {task: float(own.scores.mean()) for task, own in ours.items()},
        {task: float(own.scores.mean()) for task, own in baseline.items()},
    )
    by_units: dict[str, Floats] = {}
    for task, own in ours.items():
        theirs = baseline[task]
        if own.units != theirs.units or own.scores.shape != theirs.scores.shape:
            raise InputError(f"task {task!r} was measured on other items or with other seeds than the baseline's")
        ratio = own.scores.mean() / theirs.scores.mean()
        linear = ratio - 1 + (own.scores - ratio * theirs.scores) / theirs.scores.mean()  # [S, U]
        by_units[own.units] = by_units.get(own.units, np.zeros(())) + 100 / len(ours) * linear
    seeds = {len(part) for part in by_units.values()}
    if len(seeds) > 1:
        raise InputError("all tasks need scores of the same seeds")
    items = math.hypot(*(t_half_width(part.mean(axis=0)) for part in by_units.values()))
    by_seed = np.sum([part.mean(axis=1) for part in by_units.values()], axis=0)  # [S]
    half = math.hypot(items, t_half_width(by_seed)) if len(by_seed) > 1 else items
    return Interval(value, value - half, value + half, sum(part.shape[1] for part in by_units.values()))
