"""Intervals of percentages, for all recipes: shares of right answers, right pictures, true captions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pairsmith.evaluation.bootstrap import Interval, mean_interval

PERCENT = (0.0, 100.0)


def percent_interval(shares: ArrayLike) -> Interval | None:
    """The mean ×100 of per-image shares [N] in [0, 1], NaN where there is nothing to say, with its 95 % interval.

    All right, or all wrong, is no certainty: the interval is then as wide as so few images allow.

    Returns:
        None: fewer than two images have a share.
    """
    values = np.asarray(shares, np.float64)
    there = values[~np.isnan(values)]
    return mean_interval(100 * there, bounds=PERCENT) if len(there) > 1 else None
