"""Filters by a number of each caption: limits, and the best share of what other filters left."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pairsmith.captions.filters.settings import ScoreRule


def too_surprising(most: float, value: float) -> str:
    """The reason against a perplexity."""
    return f"perplexity: {value:.4g} of at most {most:g}"


def not_yes(value: float) -> str:
    """The reason against a verdict."""
    return f"verdict: {'no' if value == 0 else 'no answer'}"


def apply_values(
    reasons: list[str | None], values: NDArray[np.float64], say: Callable[[float], str], good: NDArray[np.bool_]
) -> None:
    """Give captions without a reason one, where a value is not good; changes `reasons`.

    Args:
        reasons: of all captions, [N].
        values: [N].
        say: value -> reason.
        good: bool [N].
    """
    for at in np.flatnonzero(~good):
        if reasons[at] is None:
            reasons[at] = say(float(values[at]))


def apply_score(reasons: list[str | None], values: NDArray[np.float64], rule: ScoreRule) -> None:
    """Drop what is below or above the limits, then all but the best of what is left; no score counts as too low."""
    name = rule.name
    apply_values(reasons, values, lambda value: f"score {name}: none", ~np.isnan(values))
    if rule.least is not None:
        apply_values(
            reasons, values, lambda value: f"score {name}: {value:.4g} of at least {rule.least:g}", values >= rule.least
        )
    if rule.most is not None:
        apply_values(
            reasons, values, lambda value: f"score {name}: {value:.4g} of at most {rule.most:g}", values <= rule.most
        )
    if rule.keep_top is not None:
        left = [at for at, reason in enumerate(reasons) if reason is None]
        best = sorted(left, key=lambda at: (-values[at], at))[: int(np.ceil(rule.keep_top * len(left)))]
        dropped = set(left) - set(best)
        for at in dropped:
            reasons[at] = f"score {name}: not in the top {rule.keep_top:.0%}"
