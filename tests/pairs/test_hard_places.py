"""Full disks, folders that cannot be written, clocks that go back, two runs at once: nothing lost, and one sentence."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pairsmith.errors import InputError
from pairsmith.pairs import PairStore, PairWriter
from pairsmith.pairs.combining import merge_stores
from pairsmith.pairs.exporters import export_pairs
from pairsmith.pairs.garbage import remove_garbage
from pairsmith.pairs.lock import FolderLock
from pairsmith.pairs.manifest import FORMAT_VERSION
from pairsmith.pairs.scores import sidecar_names, write_scores
from pairsmith.pairs.verify import repair, verify
from tests.pairs.rows import folder_bytes, make_pairs

ROOT = Path(__file__).parents[2]
ROWS = make_pairs(60)
OPTIONS = {"settings": {"a": 1}, "shard_rows": 10}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 kB of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip("no right to mount a small file system")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def fill(disk: Path, left: int) -> None:
    """Leave `left` bytes of the disk."""
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    (disk / "ballast").write_bytes(bytes(max(0, free - left)))


def temporaries(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if ".tmp" in path.name]


# === Full disks ===


def test_a_merge_on_a_full_disk_keeps_its_shards_and_goes_on_when_there_is_room(disk: Path, tmp_path: Path) -> None:
    source = PairStore.write(tmp_path / "store", ROWS, **OPTIONS).folder
    merge_stores([source], tmp_path / "whole", shard_rows=10)
    fill(disk, 60_000)
    with pytest.raises(InputError, match=r"disk/out/.*: no space left.*finished shards are kept"):
        merge_stores([source], disk / "out", shard_rows=10)
    assert temporaries(disk) == []
    kept = PairStore(disk / "out", partial=True)
    assert 0 < len(kept) < len(ROWS)
    assert [pair.id for pair in kept.iter_pairs()] == [row.id for row in ROWS[: len(kept)]]
    (disk / "ballast").unlink()
    merge_stores([source], disk / "out", shard_rows=10)
    assert folder_bytes(disk / "out") == folder_bytes(tmp_path / "whole")


def test_scores_and_exports_on_a_full_disk_leave_the_store_as_it_was(disk: Path) -> None:
    store = PairStore.write(disk / "store", ROWS[:20], **OPTIONS)
    before = folder_bytes(store.folder)
    fill(disk, 4096)
    for write in (
        lambda: write_scores(store, "noise", store.ids(), np.random.default_rng(0).random(20), {"text": "x" * 40_000}),
        lambda: export_pairs(store.folder, disk / "out", "webdataset"),
    ):
        with pytest.raises(InputError, match=r"No space left|no space left"):
            write()
        assert temporaries(disk) == []
    assert {name: value for name, value in folder_bytes(store.folder).items() if name in before} == before
    assert sidecar_names(store) == []
    assert verify(store.folder).ok


def test_a_manifest_that_cannot_be_written_anew_stays_the_old_one(disk: Path) -> None:
    with PairWriter(disk / "store", settings={"a": "x" * 9000}, layout={"shard_rows": 10}) as writer:
        writer.write_shard(0, ROWS[:10])
        fill(disk, 0)
        before = (disk / "store" / "manifest.json").read_bytes()
        with pytest.raises(InputError, match=r"manifest\.json: no space left"):
            writer.seal()
    assert (disk / "store" / "manifest.json").read_bytes() == before
    assert len(PairStore(disk / "store", partial=True)) == 10


# === Folders that cannot be written ===


def test_a_read_only_store_is_read_and_verified_and_refuses_the_rest_by_name(disk: Path) -> None:
    store = PairStore.write(disk / "store", ROWS[:20], **OPTIONS)
    (store.folder / "part-00009.parquet").write_bytes(b"left")
    before = folder_bytes(disk)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    assert len(list(PairStore(store.folder).iter_pairs())) == 20
    assert not verify(store.folder).ok
    for write, words in (
        (
            lambda: write_scores(store, "clip", store.ids(), np.zeros(20), {}),
            r"scores: the folder cannot be made \(Read",
        ),
        (lambda: repair(store.folder), r"cannot be cleaned \(Read-only"),
        (lambda: remove_garbage(store.folder), r"cannot be cleaned \(Read-only"),
        (lambda: PairStore.write(disk / "new", ROWS, **OPTIONS), r"new: the folder cannot be made \(Read-only"),
        (lambda: export_pairs(store.folder, disk / "out", "coco"), r"Read-only"),
    ):
        with pytest.raises(InputError, match=words):
            write()
    assert folder_bytes(disk) == before


# === Clocks ===


def test_a_clock_set_back_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    PairStore.write(tmp_path / "whole", ROWS, **OPTIONS)
    with PairWriter(tmp_path / "store", settings={"a": 1}, layout={"shard_rows": 10}) as writer:
        for index in (0, 1, 2):
            writer.write_shard(index, ROWS[10 * index : 10 * index + 10])
    future = time.time() + 10**8
    for path in [*(tmp_path / "store").iterdir(), tmp_path / "store"]:
        os.utime(path, (future, future))  # as files look to a clock that went back three years
    for name in ("time", "monotonic"):
        monkeypatch.setattr(time, name, lambda: 0.0)
    PairStore.write(tmp_path / "store", ROWS, **OPTIONS)
    assert folder_bytes(tmp_path / "store") == folder_bytes(tmp_path / "whole")
    with FolderLock(tmp_path / "store"), pytest.raises(InputError, match="another process"):
        FolderLock(tmp_path / "store")  # a lock ends with its process, not with a time


# === Two runs ===

_RUN = """
import sys, time
from pathlib import Path
from pairsmith.errors import InputError
from pairsmith.pairs import PairStore
from tests.pairs.test_hard_places import OPTIONS, ROWS

def slowly():
    for row in ROWS:
        time.sleep(0.02)
        yield row

try:
    PairStore.write(Path(sys.argv[1]), slowly(), **OPTIONS)
    print("made")
except InputError as error:
    print(error)
"""


def test_of_two_runs_on_one_folder_one_writes_and_the_other_is_told(tmp_path: Path) -> None:
    PairStore.write(tmp_path / "whole", ROWS, **OPTIONS)
    both = [
        subprocess.Popen(
            [sys.executable, "-c", _RUN, str(tmp_path / "store")], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    told = sorted(process.communicate()[0].strip() for process in both)
    if told != ["made", "made"]:  # unless the machine ran them one after the other
        assert told[1] == "made"
        assert told[0].endswith("store is being written by another process: wait until it ends, or stop it")
    assert folder_bytes(tmp_path / "store") == folder_bytes(tmp_path / "whole")


# === Stores of another time ===


def test_a_store_of_a_newer_version_is_refused_by_everything_and_left_alone(tmp_path: Path) -> None:
    store = PairStore.write(tmp_path / "store", ROWS[:20], **OPTIONS).folder
    manifest = json.loads((store / "manifest.json").read_text()) | {"format_version": FORMAT_VERSION + 1, "new": True}
    (store / "manifest.json").write_text(json.dumps(manifest))
    (store / "part-00009.parquet").write_bytes(b"what a newer version may know")
    before = folder_bytes(store)
    for use in (
        lambda: PairStore(store),
        lambda: PairStore.write(store, ROWS, **OPTIONS),
        lambda: verify(store),
        lambda: repair(store),
        lambda: remove_garbage(store),
        lambda: merge_stores([store], tmp_path / "out"),
    ):
        with pytest.raises(
            InputError, match=r"has format_version 2, this Pairsmith reads up to 1: install a newer one"
        ):
            use()
    assert folder_bytes(store) == before


# === Damage ===


@pytest.mark.parametrize("damage", ["cut", "flipped", "gone"])
def test_damage_stops_a_merge_by_the_shards_name_and_is_repaired(tmp_path: Path, damage: str) -> None:
    store = PairStore.write(tmp_path / "store", ROWS, **OPTIONS).folder
    path = store / "part-00003.parquet"
    whole = path.read_bytes()
    if damage == "cut":
        path.write_bytes(whole[:-100])
    elif damage == "flipped":
        middle = len(whole) // 2  # in a picture, where nothing but the checksum of the page tells
        path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    else:
        path.unlink()
    with pytest.raises(InputError, match=r"part-00003\.parquet is (torn|damaged|missing).*run `pairsmith repair"):
        merge_stores([store], tmp_path / "out")
    repair(store)
    PairStore.write(store, ROWS, **OPTIONS)
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
    assert len(merge_stores([store], tmp_path / "out").store) == 60
