"""95 % intervals by resampling images with replacement.

Scores that depend on the whole set in other ways than through a mean are resampled through their sums (BLEU) or through
their per-image scores with the document frequencies left as they are (CIDEr): the interval then tells how much the
choice of images matters, not how the frequencies would change.

Images that all score the same resample to the same, which would claim certainty. Where a score has bounds, such as a
share between 0 and 100 %, the interval is then that of Clopper and Pearson (1934): 30 right of 30 are 88.4 to 100 %.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pairsmith.errors import InputError

RESAMPLES = 1000
LEVEL = 0.95
_CHUNK_NUMBERS = 4_000_000  # how many indices are drawn at once

Floats = NDArray[np.float64]
Bounds = tuple[float, float]  # the least and the greatest score an image can have
SHARE: Bounds = (0.0, 1.0)


@dataclass(frozen=True)
class Interval:
    """A value with its percentile interval; the ends are None where one image or none leaves nothing to resample."""

    value: float
    low: float | None
    high: float | None
    n: int


def resampled_means(rows: ArrayLike, seed: int = 0, resamples: int = RESAMPLES) -> Floats:
    """Means of `resamples` samples of N rows drawn with replacement.

    Args:
        rows: per-image values, [N] or [N, K].
        seed: the same seed gives the same samples of images whatever the values are, so paired statistics stay paired.

    Returns:
        [resamples] or [resamples, K].
    """
    values = np.asarray(rows, dtype=np.float64)
    flat = values.reshape(len(values), -1)  # [N, K]
    means = [weights @ flat / len(values) for weights in _weights(len(values), seed, resamples)]
    return np.concatenate(means).reshape(resamples, *values.shape[1:])


def mean_interval(
    values: ArrayLike,
    seed: int = 0,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    bounds: Bounds | None = None,
) -> Interval:
    """The mean of per-image values [N] with its interval; with `bounds`, one of equal values is not without width."""
    found = statistic_interval(values, lambda means: means[:, 0], seed, resamples, level)
    return found if bounds is None else widened(found, bounds, found.n, level)


def widened(interval: Interval, bounds: Bounds, count: float, level: float = LEVEL) -> Interval:
    """An interval without width, of `count` images that all score the same, with the ends they allow; others as is.

    So many images of one score say that at most 1 - ((1 - level) / 2)^(1 / count) of all images have another one, which
    lies within `bounds`. For a share of 0 or 1 these are Clopper and Pearson's ends.
    """
    if interval.low is None or interval.high is None:
        return interval
    low, high = bounds
    if interval.high - interval.low > 1e-9 * (high - low):  # more than rounding of equal sums
        return interval
    others = 1 - ((1 - level) / 2) ** (1 / count)
    value = interval.value
    return Interval(value, value - others * (value - low), value + others * (high - value), interval.n)


def statistic_interval(
    rows: ArrayLike,
    statistic: Callable[[Floats], Floats],
    seed: int = 0,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> Interval:
    """A function of means (or of sums, where only ratios matter) with its interval.

    Args:
        rows: per-image values, [N] or [N, K].
        statistic: [M, K] -> [M].
        level: coverage, between 0 and 1.

    Raises:
        InputError: no rows, or values that are not finite.
    """
    values = np.asarray(rows, dtype=np.float64)
    if len(values) == 0:
        raise InputError("an interval needs the scores of at least one image, and none was given")
    values = values.reshape(len(values), -1)
    if not np.isfinite(values).all():
        bad = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
        raise InputError(f"the score of image number {bad} is not a finite number, so no interval can be given")
    value = float(statistic(values.mean(axis=0, keepdims=True))[0])
    if len(values) < 2:
        return Interval(value, None, None, len(values))
    samples = statistic(resampled_means(values, seed, resamples))
    tail = 100 * (1 - level) / 2
    low, high = np.percentile(samples, [tail, 100 - tail])
    return Interval(value, float(low), float(high), len(values))


def paired_difference(
    first: ArrayLike, second: ArrayLike, seed: int = 0, resamples: int = RESAMPLES, level: float = LEVEL
) -> Interval:
    """Mean of `first` - `second` on the same images, with its interval; one that leaves out 0 tells the two apart.

    Raises:
        InputError: the two do not hold one score an image each.
    """
    ours, theirs = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if ours.ndim != 1 or ours.shape != theirs.shape:
        raise InputError(
            f"a paired difference needs two equally long lists of scores, not shapes {ours.shape} and {theirs.shape}"
        )
    return mean_interval(ours - theirs, seed, resamples, level)


def _weights(count: int, seed: int, resamples: int) -> Iterator[Floats]:
    """How often each image is drawn, in chunks of [M, N]."""
    generator = np.random.default_rng(seed)
    chunk = max(1, _CHUNK_NUMBERS // max(count, 1))
    for start in range(0, resamples, chunk):
        size = min(chunk, resamples - start)
        drawn = generator.integers(0, count, size=(size, count))
        drawn += np.arange(size)[:, None] * count
        yield np.bincount(drawn.ravel(), minlength=size * count).reshape(size, count).astype(np.float64)
