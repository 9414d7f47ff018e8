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


def test_parts_are_seeded_share_fairly_and_come_close() -> None:
    vectors = unit(0, 401)
    dealt = facility_location(vectors, 80, part=100, seed=3)
    assert dealt == facility_location(vectors, 80, part=100, seed=3)
    assert len(set(dealt)) == 80
    whole = facility_location(vectors, 80, part=401)
    drawn = np.random.default_rng(0).permutation(401)[:80].tolist()
    assert coverage(vectors, whole) >= coverage(vectors, dealt) > coverage(vectors, drawn)
    assert sorted(facility_location(vectors, 401, part=100)) == list(range(401))


def test_rows_go_on_being_unlike_however_many_are_taken() -> None:
    """Ranked by something else, the choice must not fall back to the order of rows."""
    clumps = np.repeat(unit(5, 100, 16), 10, axis=0)
    chosen = facility_location(clumps, 100, part=1000)
    assert len({row // 10 for row in chosen}) == 100


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
