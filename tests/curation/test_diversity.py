"""Facility location and cluster quotas: lazy steps choose as plain ones, close to the best, deterministic."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from pairsmith.curation.diversity import cluster_quotas, facility_location
from pairsmith.errors import InputError


def unit(seed: int, count: int, width: int = 4) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def coverage(vectors: np.ndarray, chosen: list[int]) -> float:
    return float(np.maximum(vectors @ vectors[chosen].T, 0).max(axis=1).mean())


def plain_greedy(vectors: np.ndarray, count: int, bonus: np.ndarray) -> list[int]:
    similar = np.maximum(vectors @ vectors.T, 0)
    chosen: list[int] = []
    best = np.zeros(len(vectors))
    for _ in range(count):
        gains = np.maximum(similar - best, 0).mean(axis=1) + bonus
        gains[chosen] = -np.inf
        chosen.append(int(np.argmax(gains)))
        best = np.maximum(best, similar[chosen[-1]])
    return chosen


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("weight", [0.0, 0.3])
def test_lazy_steps_are_plain_steps(seed: int, weight: float) -> None:
    vectors, quality = unit(seed, 60), np.random.default_rng(seed).random(60)
    scaled = (quality - quality.min()) / (quality.max() - quality.min())
    found = facility_location(vectors, 25, quality=quality, quality_weight=weight)
    assert found == plain_greedy(vectors, 25, weight * scaled)


@pytest.mark.parametrize("seed", range(4))
def test_near_the_best_choice(seed: int) -> None:
    vectors = unit(seed, 12)
    best = max(coverage(vectors, list(chosen)) for chosen in combinations(range(12), 3))
    assert coverage(vectors, facility_location(vectors, 3)) >= (1 - 1 / np.e) * best


def test_one_of_each_clump_before_a_second_one() -> None:
    vectors = np.repeat(np.eye(4, dtype=np.float32), [10, 5, 3, 1], axis=0)
    chosen = facility_location(vectors, 4)
    assert chosen == [0, 10, 15, 18]
    quotas = cluster_quotas(vectors, 6, np.arange(19.0), clusters=4)
    assert quotas[:4] == [9, 14, 17, 18]  # the best of each, the fullest clump first
    assert quotas[4:] == [8, 13]


def test_a_drawn_ground_set_is_seeded_and_close_to_all() -> None:
    vectors = unit(0, 400)
    drawn = facility_location(vectors, 20, ground=100, seed=3)
    assert drawn == facility_location(vectors, 20, ground=100, seed=3)
    whole = facility_location(vectors, 20, ground=400)
    assert coverage(vectors, drawn) > 0.95 * coverage(vectors, whole)
    assert coverage(vectors, whole) > coverage(vectors, list(range(20)))


def test_all_rows_and_unfit_ones() -> None:
    vectors = unit(1, 9)
    assert sorted(facility_location(vectors, 9)) == list(range(9))
    assert sorted(cluster_quotas(vectors, 9, np.zeros(9), clusters=3)) == list(range(9))
    with pytest.raises(InputError, match="10 of 9"):
        facility_location(vectors, 10)
    with pytest.raises(InputError, match="finite"):
        facility_location(np.full((3, 2), np.nan, np.float32), 1)
    with pytest.raises(InputError, match="cannot form 20"):
        cluster_quotas(vectors, 3, np.zeros(9), clusters=20)
