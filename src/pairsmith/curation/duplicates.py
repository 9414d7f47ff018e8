"""Rows that repeat an earlier one by bits that differ between hashes; by angles it is told in `pairsmith.vector_twins`.

The first row of a kind stands for it, in the order given; later ones are compared with such rows alone, so a chain of
small changes does not tie unlike pictures together.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

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
