from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest

from pairsmith.errors import InputError
from pairsmith.pairs import PairStore
from pairsmith.pairs.joining import join_scores
from pairsmith.pairs.scores import read_scores, write_scores
from pairsmith.pairs.verify import repair, verify
from tests.pairs.rows import folder_bytes, make_pairs


@pytest.fixture
def store(tmp_path: Path) -> PairStore:
    """20 rows, the fourth failed, with scores of all but one of the others."""
    rows = make_pairs(20)
    rows[3] = replace(rows[3], status="failed", reason="broken", image=None)
    store = PairStore.write(tmp_path / "store", rows, settings={"a": 1}, shard_rows=8)
    write_scores(store, "clip", store.ids()[1:], np.arange(18) / 8, {"model": "x"})
    write_scores(store, "ssim-y", store.ids(), np.ones(19), {})
    return store


def test_scores_stand_beside_their_rows_and_null_where_there_is_none(store: PairStore, tmp_path: Path) -> None:
    made = join_scores(store.folder, tmp_path / "out")
    files = [pq.read_table(tmp_path / "out" / entry.name) for entry in made.manifest.shards]
    found = {row["id"]: row for table in files for row in table.to_pylist()}
    expected = dict(zip(store.ids()[1:], (np.arange(18) / 8).tolist(), strict=True))
    assert len(found) == 20
    for name, row in found.items():
        assert row["score_clip"] == expected.get(name)
        assert row["score_ssim-y"] == (None if row["status"] == "failed" else 1.0)


def test_it_stays_a_store_that_verifies_and_carries_its_scores(store: PairStore, tmp_path: Path) -> None:
    made = join_scores(store.folder, tmp_path / "out", ["clip"])
    assert list(made.iter_pairs(status=None)) == list(store.iter_pairs(status=None))
    assert made.take([2]).schema.names == store.schema.names
    assert verify(tmp_path / "out").problems == ()
    assert np.array_equal(read_scores(made, "clip"), read_scores(store, "clip"), equal_nan=True)
    assert made.manifest.settings["scores"] == {"clip": {"model": "x"}}


def test_other_programs_sort_by_the_column(store: PairStore, tmp_path: Path) -> None:
    join_scores(store.folder, tmp_path / "out")
    query = f"select id from '{tmp_path}/out/part-*.parquet' order by score_clip desc nulls last limit 1"
    assert duckdb.sql(query).fetchall() == [(store.ids()[-1],)]


def test_finished_joins_return_at_once_and_missing_shards_are_made_again(
    store: PairStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    join_scores(store.folder, tmp_path / "out")
    before = folder_bytes(tmp_path / "out")
    (tmp_path / "out" / "part-00001.parquet").unlink()
    repair(tmp_path / "out")
    join_scores(store.folder, tmp_path / "out")
    assert folder_bytes(tmp_path / "out") == before
    monkeypatch.setattr(PairStore, "shard_tables", lambda *_: pytest.fail("rows were read again"))
    join_scores(store.folder, tmp_path / "out")


def test_changed_scores_and_unknown_ones_are_refused(store: PairStore, tmp_path: Path) -> None:
    join_scores(store.folder, tmp_path / "out", ["clip"])
    write_scores(store, "clip", store.ids(), np.zeros(19), {"model": "x"})
    with pytest.raises(InputError, match=r"made with other settings: inputs\.score_clip"):
        join_scores(store.folder, tmp_path / "out", ["clip"])
    with pytest.raises(InputError, match="no scores named 'itm'; there are: clip, ssim-y"):
        join_scores(store.folder, tmp_path / "other", ["itm"])
    bare = PairStore.write(tmp_path / "bare", make_pairs(2), settings={})
    with pytest.raises(InputError, match="has no scores to join"):
        join_scores(bare.folder, tmp_path / "other")
