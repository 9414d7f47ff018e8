"""Processes killed at every crash point, and the store byte for byte as if nothing had happened."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pairsmith.errors import InputError, PairsmithError
from pairsmith.execution import RowFactory
from pairsmith.pairs import PairStore
from pairsmith.pairs.atomic import CRASH_POINTS, CRASH_VARIABLE
from pairsmith.pairs.verify import verify
from pairsmith.pairs.writer import STAGED
from tests.execution.stages import ITEMS, SHARDS, build_dying_once, run, run_until_crash
from tests.pairs.rows import folder_bytes

# The manifest is written once empty, once a shard, and once sealed.
POINTS = [
    f"{name}:{occurrence}"
    for name in CRASH_POINTS
    for occurrence in range(1, SHARDS + (3 if name == "manifest-written" else 1))
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("whole")
    run(folder)
    return folder_bytes(folder)


def kill_at(folder: Path, crash_at: str, **changes: Any) -> None:
    """Run the stage in a process of its own and see it killed at the crash point."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pairsmith.execution.stage"])
    process = context.Process(target=run_until_crash, args=(folder, crash_at), kwargs=changes)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL, f"the process was not killed at {crash_at}"


@pytest.mark.parametrize("crash_at", POINTS)
def test_killed_and_resumed_is_as_never_killed(tmp_path: Path, whole: dict[str, str], crash_at: str) -> None:
    kill_at(tmp_path, crash_at)
    visible = list(PairStore(tmp_path, partial=True).iter_pairs(status=None))
    store = run(tmp_path)
    assert visible == list(store.iter_pairs(status=None))[: len(visible)]
    assert folder_bytes(tmp_path) == whole
    assert verify(tmp_path).problems == ()


def test_killed_again_and_again(tmp_path: Path, whole: dict[str, str]) -> None:
    for crash_at in ("temporary-written:1", "renamed:1", "synced:2", "manifest-written:3", "renamed:3"):
        kill_at(tmp_path, crash_at)
    run(tmp_path)
    assert folder_bytes(tmp_path) == whole


@pytest.mark.parametrize("crash_at", ["rows-made:2", f"{STAGED}:2"])
def test_a_shard_that_kills_its_workers_stops_the_run_and_costs_nothing_else(
    tmp_path: Path, whole: dict[str, str], monkeypatch: pytest.MonkeyPatch, crash_at: str
) -> None:
    monkeypatch.setenv(CRASH_VARIABLE, crash_at)
    with pytest.raises(PairsmithError, match="3 worker processes died at shard 1"):
        run(tmp_path, workers=2)
    assert len(PairStore(tmp_path, partial=True).manifest.shards) <= SHARDS - 1
    monkeypatch.delenv(CRASH_VARIABLE)
    run(tmp_path, workers=2)
    assert folder_bytes(tmp_path) == whole


def test_a_worker_killed_once_costs_its_shard_s_time_and_nothing_else(tmp_path: Path, whole: dict[str, str]) -> None:
    (tmp_path / "notes").mkdir()
    killing = RowFactory(partial(build_dying_once, tmp_path / "notes"))
    run(tmp_path / "out", make_rows=killing, workers=2)
    assert folder_bytes(tmp_path / "out") == whole
    made = Counter(path.name.rpartition("-")[0] for path in (tmp_path / "notes").glob("caption *"))
    assert {caption for caption, times in made.items() if times > 1} <= set(ITEMS[10:20])  # of the killed shard alone


# The driver of workers dies between a staged shard and its place in the store.
@pytest.mark.parametrize("crash_at", ["renamed:2", "manifest-written:3", "manifest-written:5"])
def test_a_killed_driver_of_workers_is_resumed(tmp_path: Path, whole: dict[str, str], crash_at: str) -> None:
    kill_at(tmp_path, crash_at, workers=2)
    assert verify(tmp_path).ok or crash_at.startswith("renamed")
    run(tmp_path, workers=2)
    assert folder_bytes(tmp_path) == whole
    assert verify(tmp_path).problems == ()


def test_a_killed_run_leaves_no_lock(tmp_path: Path) -> None:
    kill_at(tmp_path, "synced:2")
    assert [name for name in os.listdir(tmp_path) if ".tmp-" in name]
    with pytest.raises(InputError, match="unfinished"):
        PairStore(tmp_path)
    run(tmp_path)
    assert not [name for name in os.listdir(tmp_path) if ".tmp-" in name]
