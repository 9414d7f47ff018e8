"""Rows that repeat an earlier one: by bits that differ between hashes, or by the angle between features.

The first row of a kind stands for it, in the order given; later ones are compared with such rows alone, so a chain of
small changes does not tie unlike pictures together.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from pairsmith.errors import InputError


def hash_twins(hashes: np.ndarray, most_bits: int) -> tuple[np.ndarray, np.ndarray]:
    """For each hash the first earlier kept one within `most_bits`, itself where there is none; and the bits between.

    Exact and without comparing all pairs: hashes are cut into most_bits + 1 pieces, of which two hashes so near share
    at least one.

    Args:
        hashes: uint8 [N, 8].
        most_bits: differing bits up to which two are of a kind, 0 to 15.

    Returns:
        int64 [N] positions of the kept ones, int64 [N] differing bits.
    """
    if hashes.ndim != 2 or hashes.shape[1] != 8 or hashes.dtype != np.uint8:
        raise InputError(f"hashes must be 8 bytes each, not {hashes.dtype} of shape {hashes.shape}")
    if not 0 <= most_bits <= 15:
        raise InputError(f"most_bits must lie in 0..15, not {most_bits}")
    numbers = np.ascontiguousarray(hashes).view(">u8")[:, 0].astype(np.uint64)  # [N]
    borders = np.linspace(0, 64, most_bits + 2).astype(int)
    pieces = [
        ((numbers >> np.uint64(start)) & np.uint64((1 << (end - start)) - 1)).tolist()
        for start, end in pairwise(borders)
    ]
    shelves: list[dict[int, list[int]]] = [{} for _ in pieces]
    twins = np.arange(len(numbers))
    bits = np.zeros(len(numbers), np.int64)
    plain = numbers.tolist()
    for row, own in enumerate(plain):
        best: tuple[int, int] | None = None
        for shelf, keys in zip(shelves, pieces, strict=True):
            for other in shelf.get(keys[row], ()):
                if (plain[other] ^ own).bit_count() <= most_bits and (best is None or other < best[0]):
                    best = (other, (plain[other] ^ own).bit_count())
        if best is not None:
            twins[row], bits[row] = best
            continue
        for shelf, keys in zip(shelves, pieces, strict=True):
            shelf.setdefault(keys[row], []).append(row)
    return twins, bits


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
