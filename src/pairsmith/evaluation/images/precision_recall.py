"""Improved precision and recall of generated pictures (Kynkäänniemi et al., 2019).

A set's manifold is the union of balls around its features, each as large as the distance to its third nearest
neighbour. Precision: the share of generated pictures inside the manifold of the real ones (fidelity). Recall: the share
of real pictures inside the manifold of the generated ones (coverage). The balls shrink as sets grow, so compare only at
equal numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pairsmith.errors import InputError
from pairsmith.evaluation.bootstrap import SHARE
from pairsmith.evaluation.score import Score, mean_score

NEIGHBOURS = 3
_ROWS = 1024  # of a distance matrix, held at once

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PrecisionRecall:
    """Both in percent; intervals draw pictures while the manifolds stay as they are."""

    precision: Score
    recall: Score


def precision_recall(real: ArrayLike, generated: ArrayLike, *, neighbours: int = NEIGHBOURS) -> PrecisionRecall:
    """Precision and recall of two feature sets [N, D] and [M, D].

    Raises:
        InputError: different widths, too few pictures for the neighbours, or values that are not finite.
    """
    ours, theirs = _checked(real, "real", neighbours), _checked(generated, "generated", neighbours)
    if ours.shape[1] != theirs.shape[1]:
        raise InputError(f"features of width {ours.shape[1]} and {theirs.shape[1]} come from different extractors")
    return PrecisionRecall(
        mean_score(inside(theirs, ours, radii(ours, neighbours)), range(len(theirs)), scale=100.0, bounds=SHARE),
        mean_score(inside(ours, theirs, radii(theirs, neighbours)), range(len(ours)), scale=100.0, bounds=SHARE),
    )


def radii(features: Floats, neighbours: int) -> Floats:
    """Squared distance of each row to its k-th nearest other row, [N]."""
    found = np.empty(len(features))
    for start in range(0, len(features), _ROWS):
        distances = _squared_distances(features[start : start + _ROWS], features)
        # The row itself is the nearest, at distance 0, so the k-th neighbour is at place k.
        found[start : start + _ROWS] = np.partition(distances, neighbours, axis=1)[:, neighbours]
    return found


def inside(points: Floats, centres: Floats, squared_radii: Floats) -> NDArray[np.bool_]:
    """Whether each point lies in any ball, [M]."""
    return np.concatenate(
        [
            (_squared_distances(points[start : start + _ROWS], centres) <= squared_radii).any(axis=1)
            for start in range(0, len(points), _ROWS)
        ]
    )


def _squared_distances(first: Floats, second: Floats) -> Floats:
    squares = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1) - 2 * first @ second.T
    return np.maximum(squares, 0)


def _checked(features: ArrayLike, name: str, neighbours: int) -> Floats:
    array = np.asarray(features, dtype=np.float64)
    if array.ndim != 2 or len(array) <= neighbours:
        raise InputError(
            f"precision and recall with {neighbours} neighbours need more than {neighbours} {name} pictures, "
            f"not features of shape {array.shape}"
        )
    bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if len(bad):
        raise InputError(f"feature vector {bad[0]} of the {name} pictures holds NaN or infinity")
    return array
