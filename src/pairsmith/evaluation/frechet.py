"""Fréchet distance between two sets of features (FID when the features are Inception's), in double precision.

The trace of the square root of S1 S2 is the sum of the square roots of the eigenvalues of S1^½ S2 S1^½, which is
symmetric: no matrix square root, no complex numbers, and singular covariances (fewer samples than features) do no harm.
The distance is biased by the number of samples: compare only at equal numbers, and quote them with features and
resizing.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pairsmith.errors import InputError

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]


class FeatureStatistics:
    """Mean and covariance of features that arrive in batches; float64 whatever the batches are."""

    def __init__(self, width: int) -> None:
        self.count = 0
        self._mean: Floats = np.zeros(width)
        self._scatter: Floats = np.zeros((width, width))  # sum of outer products of deviations from the mean

    @classmethod
    def of(cls, features: ArrayLike) -> FeatureStatistics:
        """Statistics of all rows of [N, D]."""
        array = np.asarray(features)
        if array.ndim != 2:
            raise InputError(f"features must be a matrix of samples by values, not of shape {array.shape}")
        statistics = cls(array.shape[1])
        statistics.update(array)
        return statistics

    @property
    def width(self) -> int:
        """Values of one feature vector."""
        return len(self._mean)

    @property
    def mean(self) -> Floats:
        """[D]."""
        return self._mean.copy()

    @property
    def covariance(self) -> Floats:
        """[D, D], divided by count - 1.

        Raises:
            InputError: fewer than two samples.
        """
        if self.count < 2:
            raise InputError(f"a covariance needs at least two samples, and there are {self.count}")
        return self._scatter / (self.count - 1)

    def update(self, features: ArrayLike) -> None:
        """Add a batch of features [B, D].

        Raises:
            InputError: another width, or values that are not finite.
        """
        batch = np.asarray(features, dtype=np.float64)
        if batch.ndim != 2 or batch.shape[1] != self.width:
            raise InputError(f"features must be of shape [samples, {self.width}], not {batch.shape}")
        finite = np.isfinite(batch).all(axis=1)
        if not finite.all():
            row = self.count + int(np.flatnonzero(~finite)[0])
            raise InputError(
                f"feature vector {row} holds NaN or infinity ({int((~finite).sum())} such vectors in this batch)"
            )
        if not len(batch):
            return
        mean = batch.mean(axis=0)
        deviations = batch - mean
        self._combine(len(batch), mean, deviations.T @ deviations)

    def merge(self, other: FeatureStatistics) -> None:
        """Add the samples that `other` has seen."""
        if other.width != self.width:
            raise InputError(f"features of width {other.width} cannot be added to features of width {self.width}")
        self._combine(other.count, other._mean, other._scatter)

    def _combine(self, count: int, mean: Floats, scatter: Floats) -> None:
        total = self.count + count
        if not count:
            return
        shift = mean - self._mean
        self._scatter = self._scatter + scatter + np.outer(shift, shift) * (self.count * count / total)
        self._mean = self._mean + shift * (count / total)
        self.count = total


@dataclass(frozen=True)
class FrechetResult:
    """A Fréchet distance and what it was computed from."""

    distance: float
    first_count: int
    second_count: int
    width: int
    warnings: tuple[str, ...]

    def __float__(self) -> float:
        return self.distance


def frechet_distance(first: ArrayLike | FeatureStatistics, second: ArrayLike | FeatureStatistics) -> float:
    """The Fréchet distance of two feature sets, [N, D] and [M, D] or their statistics; see `frechet`."""
    return frechet(first, second).distance


def frechet(first: ArrayLike | FeatureStatistics, second: ArrayLike | FeatureStatistics) -> FrechetResult:
    """The Fréchet distance with the numbers of samples.

    Args:
        first, second: features [N, D] and [M, D], or `FeatureStatistics` of them; the order does not matter.

    Raises:
        InputError: different widths, fewer than two samples, values that are not finite.
    """
    ours = first if isinstance(first, FeatureStatistics) else FeatureStatistics.of(first)
    theirs = second if isinstance(second, FeatureStatistics) else FeatureStatistics.of(second)
    if ours.width != theirs.width:
        raise InputError(f"features of width {ours.width} and {theirs.width} come from different extractors")
    distance = gaussian_distance(ours.mean, ours.covariance, theirs.mean, theirs.covariance)
    warnings = []
    if min(ours.count, theirs.count) <= ours.width:
        warnings.append(
            f"Fréchet distance of {ours.count} and {theirs.count} samples with features of width {ours.width}: "
            "with no more samples than values the covariance is singular and the distance strongly biased"
        )
    if ours.count != theirs.count:
        warnings.append(f"Fréchet distance between sets of different size, {ours.count} and {theirs.count} samples")
    for warning in warnings:
        logger.warning(warning)
    return FrechetResult(distance, ours.count, theirs.count, ours.width, tuple(warnings))


def gaussian_distance(
    first_mean: Floats, first_covariance: Floats, second_mean: Floats, second_covariance: Floats
) -> float:
    """|m1 - m2|² + Tr S1 + Tr S2 - 2 Tr (S1 S2)^½ for means [D] and covariances [D, D].

    Raises:
        InputError: the shapes do not fit or a value is not finite.
    """
    width = len(first_mean)
    arrays = [
        np.asarray(array, dtype=np.float64) for array in (first_mean, first_covariance, second_mean, second_covariance)
    ]
    if [array.shape for array in arrays] != [(width,), (width, width)] * 2:
        raise InputError(f"means and covariances do not fit: shapes {[array.shape for array in arrays]}")
    if not all(np.isfinite(array).all() for array in arrays):
        raise InputError("a mean or covariance holds NaN or infinity")
    mean_one, covariance_one, mean_two, covariance_two = arrays
    values, vectors = np.linalg.eigh(covariance_one)
    root = vectors * np.sqrt(np.clip(values, 0, None))  # [D, D], root @ root.T = S1
    products = np.linalg.eigvalsh(root.T @ covariance_two @ root)
    trace = np.sqrt(np.clip(products, 0, None)).sum()  # rounding makes zeros slightly negative
    shift = mean_one - mean_two
    distance = shift @ shift + np.trace(covariance_one) + np.trace(covariance_two) - 2 * trace
    return max(float(distance), 0.0)  # of equal sets, rounding leaves something below zero
