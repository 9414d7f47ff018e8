"""Maps of sets: unlike clumps come apart, seeds fix the draw, embeddings must be of one model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pairsmith.curation.data_sets import DataSet
from pairsmith.curation.projection import project, set_vectors
from pairsmith.errors import InputError
from pairsmith.pairs import Pair, PairStore
from pairsmith.pairs.scores import write_embeddings


def embedded(folder: Path, centre: int, count: int = 40, model: str = "b32") -> DataSet:
    store = PairStore.write(folder, [Pair(id=f"{at}", caption="") for at in range(count)], settings={})
    vectors = 0.05 * np.random.default_rng(centre).normal(size=(count, 8)).astype(np.float32) + np.eye(8)[centre]
    vectors[0] = np.nan
    write_embeddings(store, "embedding", store.ids(), vectors, {"model": model})
    return DataSet.open(str(folder))


def test_unlike_sets_come_apart(tmp_path: Path) -> None:
    sets = [embedded(tmp_path / "a", 0), embedded(tmp_path / "b", 1)]
    vectors = set_vectors(sets, "embedding", 30)
    assert {name: one.shape for name, one in vectors.items()} == {"a": (30, 8), "b": (30, 8)}
    assert np.array_equal(vectors["a"], set_vectors(sets, "embedding", 30)["a"])
    assert all(np.isfinite(one).all() for one in set_vectors(sets, "embedding", 99).values())
    places = project(vectors)
    assert places["a"].shape == (30, 2)
    centres = [places[name].mean(axis=0) for name in "ab"]
    spread = max(places[name].std(axis=0).max() for name in "ab")
    assert np.linalg.norm(centres[0] - centres[1]) > 2 * spread


def test_what_cannot_be_mapped(tmp_path: Path) -> None:
    sets = [embedded(tmp_path / "a", 0), embedded(tmp_path / "b", 1, model="l14")]
    with pytest.raises(InputError, match="different ways: model"):
        set_vectors(sets, "embedding", 10)
    with pytest.raises(InputError, match="shows nothing"):
        project({"a": np.zeros((4, 3), np.float32)})
