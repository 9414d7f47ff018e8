from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairsmith.errors import InputError
from pairsmith.pairs import PairStore, PairWriter
from pairsmith.pairs.scores import write_scores
from pairsmith.pairs.verify import repair, verify
from tests.pairs.rows import folder_bytes, make_pair, make_pairs

ROWS = make_pairs(40)
OPTIONS = {"settings": {"a": 1}, "shard_rows": 10}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    PairStore.write(folder, ROWS, **OPTIONS)
    return folder


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def delete(path: Path) -> None:
    path.unlink()


def test_a_good_store_has_no_problems(folder: Path) -> None:
    store = PairStore(folder)
    write_scores(store, "clip", store.ids(), [0.0] * 40, {})
    report = verify(folder)
    assert report.problems == ()
    assert report.ok
    assert (report.rows, report.shards, report.complete) == (40, 4, True)
    before = folder_bytes(folder)
    assert repair(folder) == report
    assert folder_bytes(folder) == before


@pytest.mark.parametrize(("damage", "kind"), [(flip, "changed"), (truncate, "torn"), (delete, "missing")])
def test_damage_is_found_and_exactly_that_is_made_again(
    folder: Path, damage: Callable[[Path], None], kind: str
) -> None:
    before = folder_bytes(folder)
    damage(folder / "part-00002.parquet")
    report = verify(folder)
    assert [(problem.kind, problem.file) for problem in report.problems] == [(kind, "part-00002.parquet")]
    assert not report.ok
    assert repair(folder) == report
    assert not (folder / "part-00002.parquet").exists()
    with pytest.raises(InputError, match="unfinished"):
        PairStore(folder)
    with PairWriter(folder, settings={"a": 1}, layout={"shard_rows": 10}) as writer:
        assert writer.missing(4) == [2]
    PairStore.write(folder, ROWS, **OPTIONS)
    assert folder_bytes(folder) == before
    assert verify(folder).ok


def test_every_flipped_byte_is_found(folder: Path) -> None:
    path = folder / "part-00000.parquet"
    whole = path.read_bytes()
    for at in range(0, len(whole), len(whole) // 20):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 128]) + whole[at + 1 :])
        assert [problem.kind for problem in verify(folder).problems] == ["changed"]


@pytest.mark.parametrize("damage", [flip, truncate])
def test_damaged_scores_are_found_and_left_where_they_are(folder: Path, damage: Callable[[Path], None]) -> None:
    store = PairStore(folder)
    write_scores(store, "clip", store.ids(), np.random.default_rng(0).random(40), {})
    path = folder / "scores" / "clip.parquet"
    damage(path)
    damaged = path.read_bytes()
    report = verify(folder)
    assert [(problem.kind, problem.file) for problem in report.problems] == [("damaged", "scores/clip.parquet")]
    assert not report.ok
    assert repair(folder) == report
    assert path.read_bytes() == damaged
    assert PairStore(folder).manifest.complete


def test_foreign_files_are_reported_and_left_alone(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    report = verify(folder)
    assert [(problem.kind, problem.file) for problem in report.problems] == [("foreign", "notes.txt")]
    assert report.ok
    repair(folder)
    assert (folder / "notes.txt").read_text() == "mine"
    assert PairStore(folder).manifest.complete


def test_leftovers_of_killed_writers_are_cleared(folder: Path) -> None:
    before = folder_bytes(folder)
    (folder / "part-00001.parquet.tmp-77").write_bytes(b"half")
    (folder / "part-00009.parquet").write_bytes(b"renamed, not listed")
    report = verify(folder)
    assert sorted((problem.kind, problem.file) for problem in report.problems) == [
        ("temporary", "part-00001.parquet.tmp-77"),
        ("unlisted", "part-00009.parquet"),
    ]
    assert not report.ok
    repair(folder)
    assert folder_bytes(folder) == before


def test_ids_that_several_rows_share_are_reported(tmp_path: Path) -> None:
    PairStore.write(tmp_path, [*make_pairs(12), make_pair(3)], **OPTIONS)
    (problem,) = verify(tmp_path).problems
    assert (problem.kind, problem.file) == ("duplicate", "part-00001.parquet")
    assert make_pair(3).id in str(problem)
    repair(tmp_path)
    assert PairStore(tmp_path).manifest.complete


def test_failed_rows_are_tried_again_on_request(tmp_path: Path) -> None:
    rows = [*ROWS[:14], replace(ROWS[14], status="failed", reason="a passing trouble"), *ROWS[15:]]
    PairStore.write(tmp_path / "a", rows, **OPTIONS)
    repair(tmp_path / "a")
    assert PairStore(tmp_path / "a").counts()["failed"] == 1
    repair(tmp_path / "a", retry_failed=True)
    PairStore.write(tmp_path / "a", ROWS, **OPTIONS)
    PairStore.write(tmp_path / "b", ROWS, **OPTIONS)
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")


def test_a_folder_that_is_being_written_is_not_repaired(folder: Path) -> None:
    pytest.importorskip("fcntl")
    writer = PairWriter(folder, settings={"a": 1}, layout={"shard_rows": 10})
    with pytest.raises(InputError, match="another process"):
        repair(folder)
    writer.close()
    repair(folder)


def test_nothing_outside_of_the_store_is_removed(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "part-00000.parquet").write_text("another store's")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["shards"][0]["name"] = "../part-00000.parquet"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="is not the name of a shard"):
        repair(folder)
    assert (tmp_path / "part-00000.parquet").read_text() == "another store's"


def test_a_file_that_is_listed_but_no_shard_is_found_and_made_again(folder: Path) -> None:
    before = folder_bytes(folder)
    path = folder / "part-00001.parquet"
    pq.write_table(pa.table({"id": ["a"] * 10}), path)
    manifest = json.loads((folder / "manifest.json").read_text())
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest["shards"][1] |= {"bytes": path.stat().st_size, "sha256": sha256}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert [(problem.kind, problem.file) for problem in verify(folder).problems] == [("unreadable", path.name)]
    repair(folder)
    PairStore.write(folder, ROWS, **OPTIONS)
    assert folder_bytes(folder) == before


def test_no_store_no_report(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a pair store"):
        verify(tmp_path)
    with pytest.raises(InputError, match="is not a pair store"):
        repair(tmp_path / "absent")
