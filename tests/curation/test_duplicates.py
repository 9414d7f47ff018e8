"""Twins found with shortcuts are those that comparing everything finds."""

from __future__ import annotations

import numpy as np
import pytest

from pairsmith.curation.duplicates import hash_twins, vector_twins
from pairsmith.errors import InputError


def brute(similar: np.ndarray) -> list[int]:
    kept: list[int] = []
    twins = []
    for row in range(len(similar)):
        twin = next((other for other in kept if similar[row, other]), row)
        twins.append(twin)
        if twin == row:
            kept.append(row)
    return twins


@pytest.mark.parametrize("most_bits", [0, 3, 6, 15])
def test_hashes_as_by_comparing_all(most_bits: int) -> None:
    generator = np.random.default_rng(most_bits)
    centres = generator.integers(0, 256, (20, 8), np.uint8)
    bits = np.unpackbits(centres[generator.integers(0, 20, 300)], axis=1)
    flips = generator.random(bits.shape) < generator.choice([0, 0.03, 0.1], (300, 1))
    hashes = np.packbits(bits ^ flips, axis=1)
    apart = (np.unpackbits(hashes, axis=1)[:, None] != np.unpackbits(hashes, axis=1)[None]).sum(axis=2)
    twins, distances = hash_twins(hashes, most_bits)
    assert twins.tolist() == brute(apart <= most_bits)
    np.testing.assert_array_equal(distances, apart[np.arange(300), twins])


@pytest.mark.parametrize("block", [1, 7, 64, 1000])
def test_vectors_as_by_comparing_all(block: int) -> None:
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(12, 5))[generator.integers(0, 12, 150)] + 0.2 * generator.normal(size=(150, 5))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    twins, cosines = vector_twins(vectors, 0.95, block)
    similar = vectors @ vectors.T
    assert twins.tolist() == brute(similar >= 0.95)
    np.testing.assert_allclose(cosines, similar[np.arange(150), twins], atol=1e-5)


def test_none_and_unfit() -> None:
    assert hash_twins(np.zeros((0, 8), np.uint8), 3)[0].tolist() == []
    assert vector_twins(np.zeros((0, 4), np.float32), 0.9)[0].tolist() == []
    with pytest.raises(InputError, match="8 bytes"):
        hash_twins(np.zeros((3, 7), np.uint8), 3)
    with pytest.raises(InputError, match="most_bits"):
        hash_twins(np.zeros((3, 8), np.uint8), 16)
