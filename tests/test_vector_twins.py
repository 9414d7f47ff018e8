"""Twins found block by block are those that comparing everything finds."""

from __future__ import annotations

import numpy as np
import pytest

from pairsmith.vector_twins import vector_twins
from tests.twins import first_of_kind


@pytest.mark.parametrize("block", [1, 7, 64, 1000])
def test_vectors_as_by_comparing_all(block: int) -> None:
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(12, 5))[generator.integers(0, 12, 150)] + 0.2 * generator.normal(size=(150, 5))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    twins, cosines = vector_twins(vectors, 0.95, block)
    similar = vectors @ vectors.T
    assert twins.tolist() == first_of_kind(similar >= 0.95)
    np.testing.assert_allclose(cosines, similar[np.arange(150), twins], atol=1e-5)


def test_no_vectors_have_no_twins() -> None:
    assert vector_twins(np.zeros((0, 4), np.float32), 0.9)[0].tolist() == []
