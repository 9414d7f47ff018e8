from __future__ import annotations

import multiprocessing
import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pairsmith.errors import InputError
from pairsmith.execution.parts import Parts, ScoredRows
from pairsmith.pairs import PairStore, PairWriter
from pairsmith.pairs.garbage import find_garbage, remove_garbage
from pairsmith.pairs.joint_writer import JointWriter
from pairsmith.pairs.scores import read_scores, write_scores
from pairsmith.pairs.verify import verify
from pairsmith.pairs.work_folder import WORK_FOLDER, WorkFolder
from tests.pairs.rows import folder_bytes, make_pairs

LEFT = {
    "part-00001.parquet.tmp-77": "temporary",
    "part-00009.parquet": "unlisted",
    "scores/clip.parquet.tmp-4": "temporary",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    store = PairStore.write(tmp_path / "store", make_pairs(20), settings={"a": 1}, shard_rows=10)
    write_scores(store, "clip", store.ids(), np.zeros(20), {})
    return store.folder


def test_a_clean_store_has_none(folder: Path) -> None:
    assert find_garbage(folder) == []
    assert remove_garbage(folder) == []


def test_it_is_shown_before_and_only_it_goes(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    before = folder_bytes(folder)
    for name in LEFT:
        (folder / name).write_bytes(b"torn")
    found = find_garbage(folder)
    assert {str(one.path.relative_to(folder)): one.kind for one in found} == LEFT
    assert {one.bytes for one in found} == {4}
    assert all((folder / name).exists() for name in LEFT)
    assert remove_garbage(folder) == found
    assert folder_bytes(folder) == before
    assert verify(folder).ok


def test_a_folder_that_is_being_written_is_left_alone(folder: Path) -> None:
    pytest.importorskip("fcntl")
    (folder / "part-00009.parquet").write_bytes(b"just renamed, about to be listed")
    writer = PairWriter(folder, settings={"a": 1}, layout={"shard_rows": 10})
    with pytest.raises(InputError, match="another process"):
        remove_garbage(folder)
    writer.close()
    assert (folder / "part-00009.parquet").exists()


def test_another_folder_is_never_cleaned(tmp_path: Path) -> None:
    (tmp_path / "part-00001.parquet").touch()
    with pytest.raises(InputError, match="is not a pair store"):
        remove_garbage(tmp_path)
    assert (tmp_path / "part-00001.parquet").exists()


def _stage(folder: Path) -> Path:
    """What a worker has staged and not yet handed over."""
    staged = folder / WORK_FOLDER / "made-host-7" / "part-00001.parquet"
    staged.parent.mkdir(parents=True)
    staged.write_bytes(b"whole")
    return staged


def _stage_and_die(folder: Path) -> None:
    JointWriter(folder, shards=2, settings={"a": 1}, layout={"shard_rows": 10})
    _stage(folder)
    os.kill(os.getpid(), signal.SIGKILL)


def test_what_killed_workers_staged_goes_and_the_unfinished_store_stays(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    folder = tmp_path / "store"
    process = multiprocessing.get_context("fork").Process(target=_stage_and_die, args=(folder,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    found = find_garbage(folder)
    assert {one.kind for one in found} == {"work"}
    assert sum(one.bytes for one in found) == 5
    assert all(one.path.exists() for one in found)
    assert remove_garbage(folder) == found
    assert not (folder / WORK_FOLDER).exists()
    assert not PairStore(folder, partial=True).manifest.complete


def test_what_workers_of_one_writer_staged_goes_too(folder: Path) -> None:
    staged = _stage(folder)
    before = folder_bytes(folder)
    assert [(one.path, one.kind) for one in find_garbage(folder)] == [(staged, "work")]
    assert folder_bytes(folder) == before
    assert [one.path for one in remove_garbage(folder)] == [staged]
    assert not (folder / WORK_FOLDER).exists()


def test_what_a_live_run_has_staged_is_neither_shown_nor_removed(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    folder = tmp_path / "store"
    about: dict[str, Any] = {"settings": {"a": 1}, "layout": {"shard_rows": 10}}
    for begin in (partial(JointWriter, shards=2), PairWriter):
        with begin(folder, **about):
            staged = _stage(folder)
            assert find_garbage(folder) == []
            with pytest.raises(InputError, match="another process"):
                remove_garbage(folder)
            assert staged.exists()
    work = WorkFolder(folder)  # a rank whose lock on the store itself is not seen here, as on some network disks
    staged = _stage(folder)
    assert find_garbage(folder) == remove_garbage(folder) == []
    assert staged.exists()
    work.leave()


def test_parts_of_a_score_go_only_where_they_are_named_and_nobody_is_at_them(folder: Path) -> None:
    pytest.importorskip("fcntl")
    rows = ScoredRows(["a", "b"], np.array([1.0, 2.0]), [None, None])
    parts = Parts(folder / "scores" / ".itm", {"model": "x"})
    parts.add(rows)
    assert find_garbage(folder) == remove_garbage(folder, unfinished=True) == []
    parts.release()
    (folder / "scores" / ".itm" / "part-00001.parquet.tmp-5").write_bytes(b"torn")
    found = find_garbage(folder)
    assert [one.kind for one in found] == ["unfinished", "temporary"]
    assert [one.kind for one in remove_garbage(folder)] == ["temporary"]
    again = Parts(folder / "scores" / ".itm", {"model": "x"})
    assert [part.ids for part in again.read()] == [rows.ids]  # a run can still go on from there
    again.release()
    assert remove_garbage(folder, unfinished=True) == found[:1]
    assert not (folder / "scores" / ".itm").exists()
    assert read_scores(PairStore(folder), "clip").tolist() == [0.0] * 20
