from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairsmith.errors import InputError
from pairsmith.pairs import PairStore
from pairsmith.pairs.scores import (
    SELECTIONS_FOLDER,
    Selection,
    read_embeddings,
    read_score_column,
    read_scores,
    read_selection,
    sidecar_names,
    write_embeddings,
    write_scores,
    write_selection,
)
from tests.pairs.rows import folder_bytes, make_pairs


@pytest.fixture
def store(tmp_path: Path) -> PairStore:
    return PairStore.write(tmp_path, make_pairs(10, images=False), settings={}, shard_rows=4)


def test_scores_come_back_in_the_order_of_the_store(store: PairStore) -> None:
    ids = store.ids()
    path = write_scores(store, "clip", [ids[7], ids[2]], [0.7, 0.2], {"model": "b32"})
    scores = read_scores(store, "clip")
    assert scores.dtype == np.float64
    assert np.flatnonzero(~np.isnan(scores)).tolist() == [2, 7]
    assert scores[[2, 7]].tolist() == [0.2, 0.7]
    assert path == store.folder / "scores" / "clip.parquet"
    assert pq.read_table(path).to_pylist()[0] == {"id": ids[7], "score": 0.7}
    assert sidecar_names(store) == ["clip"]


def test_scores_touch_no_pair(store: PairStore) -> None:
    before = folder_bytes(store.folder)
    write_scores(store, "clip", store.ids(), np.arange(10), {})
    after = folder_bytes(store.folder)
    assert after.pop("scores/clip.parquet")
    assert after == before


def test_a_name_keeps_its_settings(store: PairStore) -> None:
    write_scores(store, "clip", store.ids(), np.zeros(10), {"model": {"name": "b32"}})
    write_scores(store, "clip", store.ids(), np.ones(10), {"model": {"name": "b32"}})
    assert read_scores(store, "clip").tolist() == [1.0] * 10
    with pytest.raises(InputError, match=r"model.name \(was 'b32', now 'l14'\)"):
        write_scores(store, "clip", store.ids(), np.zeros(10), {"model": {"name": "l14"}})
    assert read_scores(store, "clip").tolist() == [1.0] * 10


def test_wrong_scores_are_refused(store: PairStore) -> None:
    ids = store.ids()
    with pytest.raises(InputError, match="no pair with the id x"):
        write_scores(store, "a", ["x"], [1.0], {})
    with pytest.raises(InputError, match="twice"):
        write_scores(store, "a", [ids[0], ids[0]], [1.0, 2.0], {})
    with pytest.raises(InputError, match=r"each of 2 pairs, not an array of shape \(1,\)"):
        write_scores(store, "a", ids[:2], [1.0], {})
    with pytest.raises(InputError, match="each of 2 pairs"):
        write_scores(store, "a", ids[:2], np.ones((2, 2)), {})
    for name in ("", "A", "../a", "a/b", ".a"):
        with pytest.raises(InputError, match="lower-case"):
            write_scores(store, name, ids[:1], [1.0], {})
    assert sidecar_names(store) == []
    with pytest.raises(InputError, match="has no scores named 'ssim'; there are: none"):
        read_scores(store, "ssim")


def test_damaged_scores_are_explained(store: PairStore) -> None:
    path = write_scores(store, "clip", store.ids(), np.zeros(10), {})
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match="damaged"):
        read_scores(store, "clip")


def test_a_selection_keeps_its_order_scores_and_settings(store: PairStore) -> None:
    ids = store.ids()
    chosen = Selection([ids[4], ids[9], ids[0]], np.array([0.9, 0.5, 0.5]), {"top": 3})
    path = write_selection(store, "best", chosen)
    assert pq.read_table(path).column("rank").to_pylist() == [0, 1, 2]
    again = read_selection(store, "best")
    assert again.ids == chosen.ids
    assert again.scores.tolist() == [0.9, 0.5, 0.5]
    assert again.settings == {"top": 3}
    assert again.positions(store).tolist() == [4, 9, 0]
    assert len(again) == 3
    assert sidecar_names(store, SELECTIONS_FOLDER) == ["best"]


def test_reasons_and_twins_come_back_by_position(store: PairStore) -> None:
    ids = store.ids()
    write_scores(
        store, "near", [ids[4], ids[2], ids[9]], [0.1, np.nan, 1.0], {"bits": 6},
        reasons=[None, "no picture", None], twins=[ids[9], None, ids[9]],
    )  # fmt: skip
    found = read_score_column(store, "near")
    assert found.reasons == [None, None, "no picture", *[None] * 7]
    assert found.twins is not None
    assert found.twins.tolist() == [0, 1, 2, 3, 9, 5, 6, 7, 8, 9]
    assert found.settings == {"bits": 6}
    write_scores(store, "clip", ids, np.zeros(10), {})
    plain = read_score_column(store, "clip")
    assert plain.twins is None
    assert plain.reasons == [None] * 10


def test_embeddings_by_position(store: PairStore) -> None:
    ids = store.ids()
    vectors = np.arange(6, dtype=np.float32).reshape(2, 3)
    write_embeddings(store, "clip", [ids[7], ids[1]], vectors, {})
    found = read_embeddings(store, "clip")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[[7, 1]], vectors)
    assert np.isnan(found[[0, 2, 9]]).all()
    assert sidecar_names(store, "embeddings") == ["clip"]
    with pytest.raises(InputError, match="one vector for each of 2 pairs"):
        write_embeddings(store, "other", ids[:2], np.zeros(2), {})
    with pytest.raises(InputError, match="no embeddings named 'other'; there are: clip"):
        read_embeddings(store, "other")


def test_a_selection_keeps_its_counts(store: PairStore) -> None:
    chosen = Selection(store.ids()[:2], np.array([2.0, 1.0]), {"by": "clip"}, {"rows": 10, "chosen": 2})
    write_selection(store, "best", chosen)
    assert read_selection(store, "best").counts == {"rows": 10, "chosen": 2}


@pytest.mark.parametrize("change", ["missing", "type", "id"])
def test_a_file_with_other_columns_is_refused_by_column(store: PairStore, change: str) -> None:
    path = write_scores(store, "clip", store.ids(), np.arange(10.0), {})
    table = pq.read_table(path)
    if change == "missing":
        table = table.drop_columns(["score"])
    elif change == "type":
        table = table.set_column(1, "score", pa.array(["a"] * 10))
    else:
        table = table.set_column(0, "id", pa.array([{"a": 1}] * 10))
    pq.write_table(table, path)
    words = "its column 'id' is struct" if change == "id" else "its column 'score' is"
    with pytest.raises(InputError, match=words):
        read_scores(store, "clip")


def test_embeddings_of_another_kind_are_refused(store: PairStore) -> None:
    path = write_embeddings(store, "dino", store.ids(), np.ones((10, 3)), {})
    table = pq.read_table(path)
    pq.write_table(table.set_column(1, "vector", pa.array([[1.0]] * 10)), path)
    with pytest.raises(InputError, match="its column 'vector' is list<"):
        read_embeddings(store, "dino")


def test_nothing_is_written_through_a_link_out_of_the_store(store: PairStore, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (store.folder / "scores").symlink_to(elsewhere)
    with pytest.raises(InputError, match="scores is a link"):
        write_scores(store, "clip", store.ids(), np.arange(10.0), {})
    assert list(elsewhere.iterdir()) == []
