"""Choosing unlike pictures: facility location by lazy greedy steps, and equal quotas of clusters.

Facility location picks K rows so that every row is like one of them: the mean over all rows of the largest cosine to a
chosen row, negative cosines counted as 0. Greedy steps reach at least 1 - 1/e of the best such mean (Nemhauser et al.,
1978); gains only fall, so most need not be computed again (Minoux, 1978), and the choice is that of plain greedy steps.
Comparing all rows takes their number squared, so many rows are dealt into parts that each give their share, as in the
first round of distributed greedy steps (Mirzasoleiman et al., 2013): rows of different parts do not see each other.
"""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

from pairsmith.errors import InputError


def facility_location(
    vectors: NDArray[np.float32],
    count: int,
    *,
    quality: NDArray[np.float64] | None = None,
    quality_weight: float = 0.0,
    part: int = 2000,
    seed: int = 0,
) -> list[int]:
    """Rows in the order in which greedy steps take them; of several parts in turn.

    Args:
        vectors: features of length 1, [N, D]; earlier rows win ties.
        count: rows to choose, at most N.
        quality: [N], scaled to 0..1 here; adds `quality_weight` times it to a row's gain in coverage, which is a mean
            over the rows of a part.
        quality_weight: 0 looks at coverage alone.
        part: rows that are compared with each other; of up to so many the choice is that of plain greedy steps.
        seed: of the dealing.

    Raises:
        InputError: vectors that are not finite, or a number outside the rows.
    """
    rows = _check(vectors, count)
    bonus = np.zeros(len(rows)) if quality is None else quality_weight * _unit_range(quality)
    parts = -(-len(rows) // part)
    dealt = np.array_split(np.random.default_rng(seed).permutation(len(rows)), max(1, parts))
    ends = np.cumsum([len(members) for members in dealt]) * count // max(1, len(rows))
    chosen: list[tuple[float, int, int]] = []  # (part of the share that was taken before, part, row)
    for number, (members, share) in enumerate(zip(dealt, np.diff(ends, prepend=0), strict=True)):
        own = np.sort(members)
        steps = _greedy(rows[own], int(share), bonus[own])
        chosen += [(step / share, number, int(own[row])) for step, row in enumerate(steps)]
    return [row for _, _, row in sorted(chosen)]


def _greedy(rows: NDArray[np.float32], count: int, bonus: NDArray[np.float64]) -> list[int]:
    """Lazy greedy steps among rows that all see each other."""
    if not count:
        return []
    similar = np.maximum(rows @ rows.T, 0)  # [P, P]
    best = np.zeros(len(rows), np.float32)  # largest cosine to a chosen row so far
    heap = [(-(gain + bonus[row]), row) for row, gain in enumerate(similar.mean(axis=1, dtype=np.float64))]
    heapq.heapify(heap)
    chosen: list[int] = []
    while len(chosen) < count:
        while True:
            bound, row = heapq.heappop(heap)
            gain = float(np.maximum(similar[row] - best, 0).mean(dtype=np.float64)) + bonus[row]
            if not heap or (-gain, row) <= heap[0] or gain >= -bound:
                break
            heapq.heappush(heap, (-gain, row))
        chosen.append(row)
        np.maximum(best, similar[row], out=best)
    return chosen


def cluster_quotas(
    vectors: NDArray[np.float32], count: int, quality: NDArray[np.float64], *, clusters: int, seed: int = 0
) -> list[int]:
    """The best row of every cluster in turn, until there are enough; the fullest cluster first in each turn.

    Args:
        vectors: [N, D].
        count: rows to choose, at most N.
        quality: [N]; the higher, the earlier within its cluster; earlier rows win ties.
        clusters: of k-means.
        seed: of k-means.

    Raises:
        InputError: fewer rows than clusters, vectors that are not finite.
    """
    from sklearn.cluster import KMeans, MiniBatchKMeans

    rows = _check(vectors, count)
    if len(rows) < clusters:
        raise InputError(f"{len(rows)} rows cannot form {clusters} clusters")
    kind = KMeans if len(rows) <= 20_000 else MiniBatchKMeans
    labels = kind(clusters, n_init=3, random_state=seed).fit_predict(rows)
    order = np.lexsort((np.arange(len(rows)), -quality))
    sizes = np.bincount(labels, minlength=clusters)
    first = np.lexsort((np.arange(clusters), -sizes))  # fullest first
    turn_of_cluster = np.empty(clusters, np.int64)
    turn_of_cluster[first] = np.arange(clusters)
    seen = np.zeros(clusters, np.int64)
    turns = np.empty(len(rows), np.int64)
    for row in order:
        turns[row] = seen[labels[row]]
        seen[labels[row]] += 1
    return np.lexsort((turn_of_cluster[labels], turns))[:count].tolist()


def _check(vectors: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    rows = np.ascontiguousarray(vectors, np.float32)
    if rows.ndim != 2 or not np.isfinite(rows).all():
        raise InputError("choosing by diversity needs one finite vector for each row")
    if not 0 <= count <= len(rows):
        raise InputError(f"{count} of {len(rows)} rows cannot be chosen")
    return rows


def _unit_range(values: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = float(values.min()), float(values.max())
    return (values - low) / (high - low) if high > low else np.zeros(len(values))
