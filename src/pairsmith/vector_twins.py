"""Vectors that repeat an earlier one by the angle between them: of captions in a filter, of pictures in a score.

The first vector of a kind stands for it, in the order given; later ones are compared with such vectors alone, so a
chain of small changes does not tie unlike rows together.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def vector_twins(vectors: ArrayLike, cosine: float, block: int = 1024) -> tuple[np.ndarray, np.ndarray]:
    """For each vector the first earlier kept one within `cosine`, itself where there is none; and their cosine.

    Every row is compared with every kept one: the work grows with their product.

    Args:
        vectors: [N, D] of length 1.
        cosine: least similarity that counts as a repetition.
        block: rows compared at a time.

    Returns:
        int64 [N] positions, float32 [N] cosines (1 for kept ones).
    """
    array = np.asarray(vectors, np.float32)
    twins = np.arange(len(array))
    cosines = np.ones(len(array), np.float32)
    kept = np.zeros(0, np.int64)
    for start in range(0, len(array), block):
        rows = array[start : start + block]  # [B, D]
        for first in range(0, len(kept), block):
            others = kept[first : first + block]
            similar = rows @ array[others].T  # [B, K]
            near = similar >= cosine
            hit = np.flatnonzero(near.any(axis=1) & (twins[start : start + len(rows)] >= start))
            found = near[hit].argmax(axis=1)
            twins[start + hit], cosines[start + hit] = others[found], similar[hit, found]
        inside = rows @ rows.T  # [B, B]
        mine: list[int] = []
        for row in np.flatnonzero(twins[start : start + len(rows)] >= start):
            earlier = next((other for other in mine if inside[row, other] >= cosine), None)
            if earlier is None:
                mine.append(int(row))
            else:
                twins[start + row], cosines[start + row] = start + earlier, inside[row, earlier]
        kept = np.concatenate([kept, start + np.array(mine, np.int64)])
    return twins, cosines
