"""Many task values in one number: Delta MTL against a baseline, and the plain mean.

Every aggregate hides something (Delta MTL is a mean of *relative* changes, so the task on which the baseline is worst
weighs most), so results keep every task beside it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import isfinite

from pairsmith.errors import InputError


def delta_mtl(
    values: Mapping[str, float], baseline: Mapping[str, float], lower_is_better: Collection[str] = ()
) -> float:
    """Mean relative change over a baseline in percent (Vandenhende et al., 2021; SynthCLIP, appendix G).

    100 / N * sum of (m - b) / b over the tasks, with the sign turned where lower is better.

    Raises:
        InputError: other tasks than the baseline's, a baseline of 0, or no tasks.
    """
    _check(values)
    if set(values) != set(baseline):
        strange = sorted(set(values) ^ set(baseline))[0]
        raise InputError(f"task {strange!r} has a value for the model or for the baseline, but not for both")
    zero = [task for task, value in baseline.items() if value == 0]
    if zero:
        raise InputError(f"the baseline's value of task {zero[0]!r} is 0, so no relative change can be given")
    changes = [
        (-1 if task in lower_is_better else 1) * (value - baseline[task]) / baseline[task]
        for task, value in values.items()
    ]
    return 100 * sum(changes) / len(changes)


def task_mean(values: Mapping[str, float]) -> float:
    """Plain mean of the tasks, as DataComp's 38 and SLIP's 26."""
    _check(values)
    return sum(values.values()) / len(values)


def _check(values: Mapping[str, float]) -> None:
    if not values:
        raise InputError("there are no tasks to average")
    for task, value in values.items():
        if not isfinite(value):
            raise InputError(f"the value of task {task!r} is {value}, not a number")
