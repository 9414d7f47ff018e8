"""Figures of repeated measurements: what the choice of images and that of seeds leave open.

Another test set and another seed would each change a figure. With one seed only the first can be known, and intervals
are bootstrap intervals over images. With several seeds both can: seeds and images are crossed (every model is scored on
every image), and the half width of an interval is the root of

    (t-interval of the images' means over seeds)²  +  (t-interval of the seeds' means over images)²,

half widths both, by Student's t with one degree of freedom fewer than there are images or seeds. What is left of a
single (seed, image) score beside the two is counted in both terms, so the interval is rather too wide than too narrow.
Two or three seeds say little about the spread of seeds, and t then makes the interval wide.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student

from pairsmith.errors import InputError
from pairsmith.evaluation.bootstrap import LEVEL, Interval, mean_interval, statistic_interval

Floats = NDArray[np.float64]
Range = tuple[float, float]

PERCENT: Range = (0.0, 100.0)
CIDER: Range = (0.0, 1000.0)  # ×100, as all caption metrics


def over_seeds(values: Sequence[Interval], within: Range = PERCENT) -> Interval:
    """The mean of the seeds' values, where of every seed only the interval over images is known.

    Of one seed its own interval. Of several, the mean square of the seeds' own half widths takes the images' place.

    Args:
        values: one a seed.
        within: values that are possible; ends are cut to them.

    Raises:
        InputError: no seed.
    """
    if not values:
        raise InputError("there is no seed to join")
    if len(values) == 1:
        return values[0]
    value, n = statistics.fmean(item.value for item in values), values[0].n
    halves = [(item.high - item.low) / 2 for item in values if item.low is not None and item.high is not None]
    if len(halves) < len(values):
        return Interval(value, None, None, n)
    by_image = statistics.fmean(half**2 for half in halves)
    by_seed = t_half_width([item.value for item in values]) ** 2
    return _around(value, math.sqrt(by_image + by_seed), n, within)


def repeated(values: ArrayLike) -> Interval:
    """The geometric mean of positive ratios that were measured several times, with the t-interval of their logarithms.

    Args:
        values: one a repetition; a single one has no interval. `n` counts them.

    Raises:
        InputError: none, or one that is not positive.
    """
    ratios = np.asarray(values, dtype=np.float64)
    if not len(ratios) or not (ratios > 0).all():
        raise InputError(f"ratios must be positive, not {ratios.tolist()}")
    logarithms = np.log(ratios)
    value = float(np.exp(logarithms.mean()))
    if len(ratios) == 1:
        return Interval(value, None, None, 1)
    factor = math.exp(t_half_width(logarithms))
    return Interval(value, value / factor, value * factor, len(ratios))


def seeds_and_images(scores: ArrayLike, within: Range = (-math.inf, math.inf)) -> Interval:
    """The mean of scores [seeds, images] with its interval; `n` counts images.

    Raises:
        InputError: not such a matrix, or values that are not finite.
    """
    matrix = _matrix(scores)
    seeds, images = matrix.shape
    if seeds == 1:
        return mean_interval(matrix[0])
    value = float(matrix.mean())
    if images < 2:
        return Interval(value, None, None, images)
    half = math.hypot(t_half_width(matrix.mean(axis=0)), t_half_width(matrix.mean(axis=1)))
    return _around(value, half, images, within)


def difference_of_means(ours: ArrayLike, theirs: ArrayLike) -> Interval:
    """Mean of `ours` - `theirs`, both [seeds, images] of the same seeds and images, in pairs."""
    return seeds_and_images(_matrix(ours) - _matrix(theirs))


def relative_gain(ours: ArrayLike, theirs: ArrayLike) -> Interval | None:
    """100 (mean of `ours` / mean of `theirs` - 1), both [seeds, images] of the same seeds and images.

    Of one seed the ratio is taken anew in every resampling of the images. Of several, the interval is that of the
    ratio's linear form around the means (delta method). None where `theirs` has no positive mean.
    """
    first, second = _matrix(ours), _matrix(theirs)
    if second.mean() <= 0:
        return None
    if len(first) == 1:
        with np.errstate(divide="ignore", invalid="ignore"):
            found = statistic_interval(
                np.stack([first[0], second[0]], axis=1), lambda means: 100 * (means[:, 0] / means[:, 1] - 1)
            )
        ends_known = all(end is not None and math.isfinite(end) for end in (found.low, found.high))
        return found if ends_known else Interval(found.value, None, None, found.n)
    ratio = first.mean() / second.mean()
    return seeds_and_images(100 * (ratio - 1) + 100 * (first - ratio * second) / second.mean())


def _matrix(scores: ArrayLike) -> Floats:
    matrix = np.asarray(scores, dtype=np.float64)
    if matrix.ndim != 2 or not matrix.size or not np.isfinite(matrix).all():
        raise InputError(f"scores of seeds and images must be a finite matrix, not of shape {matrix.shape}")
    return matrix


def t_half_width(values: ArrayLike) -> float:
    """Of the t-interval of the mean of at least two values."""
    array = np.asarray(values, dtype=np.float64)
    return float(student.ppf(0.5 + LEVEL / 2, len(array) - 1) * array.std(ddof=1) / math.sqrt(len(array)))


def _around(value: float, half: float, n: int, within: Range) -> Interval:
    return Interval(value, max(value - half, within[0]), min(value + half, within[1]), n)
