"""Twins found with shortcuts are those that comparing everything finds."""

from __future__ import annotations

import numpy as np
import pytest

from pairsmith.curation.duplicates import hash_twins
from pairsmith.errors import InputError
from tests.twins import first_of_kind


@pytest.mark.parametrize("most_bits", [0, 3, 6, 15])
def test_hashes_as_by_comparing_all(most_bits: int) -> None:
    generator = np.random.default_rng(most_bits)
    centres = generator.integers(0, 256, (20, 8), np.uint8)
    bits = np.unpackbits(centres[generator.integers(0, 20, 300)], axis=1)
    flips = generator.random(bits.shape) < generator.choice([0, 0.03, 0.1], (300, 1))
    hashes = np.packbits(bits ^ flips, axis=1)
    apart = (np.unpackbits(hashes, axis=1)[:, None] != np.unpackbits(hashes, axis=1)[None]).sum(axis=2)
    twins, distances = hash_twins(hashes, most_bits)
    assert twins.tolist() == first_of_kind(apart <= most_bits)
    np.testing.assert_array_equal(distances, apart[np.arange(300), twins])


def test_none_and_unfit() -> None:
    assert hash_twins(np.zeros((0, 8), np.uint8), 3)[0].tolist() == []
    with pytest.raises(InputError, match="8 bytes"):
        hash_twins(np.zeros((3, 7), np.uint8), 3)
    with pytest.raises(InputError, match="most_bits"):
        hash_twins(np.zeros((3, 8), np.uint8), 16)
