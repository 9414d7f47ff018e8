"""Embeddings in parts: a stopped run goes on, and what comes out is that of a run that was never stopped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from pairsmith.captions.filters import FilterModels, FilterSettings, filter_captions, filter_reasons
from pairsmith.captions.filters.caption_vectors import CaptionVectors, parts_folder
from pairsmith.captions.filters.set_filters import near_embeddings
from pairsmith.captions.filters.settings import NearDuplicates
from pairsmith.errors import InputError
from pairsmith.pairs import Pair, PairStore
from tests.pairs.rows import folder_bytes

COSINE = 0.95
SETTINGS = FilterSettings(
    alphanumeric=None,
    special=None,
    character_repetition=None,
    word_repetition=None,
    flagged=None,
    advertising=False,
    exact_duplicates=False,
    near_duplicates=NearDuplicates(jaccard=None, cosine=COSINE),
)


class Embedder:
    """Vectors [N, 3] of the texts alone; notes what it was asked for, and fails after some calls."""

    def __init__(self, calls: int | None = None) -> None:
        self.asked: list[str] = []
        self._left = calls

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        if self._left is not None:
            if not self._left:
                raise KeyboardInterrupt
            self._left -= 1
        self.asked += texts
        seeds = [len(text.split()[-1]) * 7 + ord(text[0]) for text in texts]
        return np.array([np.random.default_rng(seed).normal(size=3) for seed in seeds])


@pytest.fixture
def store(tmp_path: Path) -> PairStore:
    rows = [Pair(id=f"{at:032x}", caption=f"{'abcde'[at % 5]} dog and a {'x' * (at % 4 + 1)}") for at in range(45)]
    return PairStore.write(tmp_path / "in", rows, settings={}, shard_rows=10)


def _filter(store: PairStore, out: Path, embed: Embedder, embedder: str = "dice") -> PairStore:
    return filter_captions(store, out, SETTINGS, FilterModels(embed=embed, embedder=embedder), part_rows=10)


def test_a_stopped_run_embeds_only_the_rest_and_makes_the_same_rows(store: PairStore, tmp_path: Path) -> None:
    before = folder_bytes(store.folder)
    whole, first, second = Embedder(), Embedder(calls=2), Embedder()
    expected = folder_bytes(_filter(store, tmp_path / "whole", whole).folder)
    captions = store.column("caption").to_pylist()
    assert whole.asked == captions
    with pytest.raises(KeyboardInterrupt):
        _filter(store, tmp_path / "out", first)
    assert first.asked == captions[:20]
    made = _filter(store, tmp_path / "out", second)
    assert second.asked == captions[20:]
    assert folder_bytes(made.folder) == expected
    assert folder_bytes(store.folder) == before  # the parts are gone
    by_hand = near_embeddings(Embedder()(captions), store.ids(), COSINE)
    assert [row.reason or None for row in made.iter_pairs(status=None)] == by_hand
    assert 0 < sum(reason is None for reason in by_hand) < 45


def test_rows_are_written_after_a_stop_without_embedding_anew(store: PairStore, tmp_path: Path) -> None:
    def stop(done: int, total: int, failed: int) -> None:
        if done:
            raise KeyboardInterrupt

    models = FilterModels(embed=Embedder(), embedder="dice")
    with pytest.raises(KeyboardInterrupt):
        filter_captions(store, tmp_path / "out", SETTINGS, models, part_rows=10, shard_rows=20, progress=stop)
    second = Embedder()
    assert _filter(store, tmp_path / "other", second).manifest.complete
    assert second.asked == []


def test_parts_of_another_embedder_are_not_taken_and_nameless_ones_not_kept(store: PairStore, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        _filter(store, tmp_path / "out", Embedder(calls=1))
    other = Embedder()
    _filter(store, tmp_path / "other", other, "other")
    assert len(other.asked) == 45
    before = folder_bytes(store.folder)
    with pytest.raises(KeyboardInterrupt):
        _filter(store, tmp_path / "nameless", Embedder(calls=1), "")
    assert folder_bytes(store.folder) == before


def test_a_preview_keeps_nothing(store: PairStore) -> None:
    before, embed = folder_bytes(store.folder), Embedder()
    models = FilterModels(embed=embed, embedder="dice")
    shown = filter_reasons(store, SETTINGS, models, first=15)
    assert len(embed.asked) == 15
    assert folder_bytes(store.folder) == before
    assert filter_reasons(store, SETTINGS, models)[:15] == shown
    assert folder_bytes(store.folder) == before


def test_vectors_are_of_length_one_wherever_they_lie(store: PairStore) -> None:
    captions, ids = store.column("caption").to_pylist(), store.ids()
    with CaptionVectors(Embedder()) as vectors:
        in_memory = vectors(captions, ids)
    with CaptionVectors(Embedder(), parts_folder(store, "dice"), part_rows=7) as vectors:
        on_disk = vectors(captions, ids)
        assert isinstance(on_disk, np.memmap)
        assert np.array_equal(on_disk, in_memory)
        assert np.array_equal(vectors(captions[5:9], ids[5:9]), in_memory[5:9])
    assert np.allclose(np.linalg.norm(in_memory, axis=1), 1)


def test_what_is_no_embedding_is_refused(store: PairStore) -> None:
    captions, ids = store.column("caption").to_pylist(), store.ids()
    widths = iter([3, 4, 3, 3, 3])
    with pytest.raises(InputError, match="3 and 4 numbers"):
        CaptionVectors(lambda texts: np.ones((len(texts), next(widths))), part_rows=10)(captions, ids)
    with pytest.raises(InputError, match="zero or not finite"):
        CaptionVectors(lambda texts: np.zeros((len(texts), 2)))(captions, ids)
    with pytest.raises(InputError, match="an id of its own"):
        CaptionVectors(Embedder())(["a", "b"], ["x", "x"])
