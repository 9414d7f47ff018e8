from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pairsmith.errors import InputError
from pairsmith.pairs.atomic import HashingFile, atomic_file, crash_point, sweep_temporaries, sync_folder


def test_the_file_appears_only_at_the_end_with_its_hash(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    reached: list[tuple[str, bool]] = []
    with atomic_file(path, lambda name: reached.append((name, path.exists()))) as file:
        file.write(b"abc")
        file.write(b"def")
        assert not path.exists()
    assert path.read_bytes() == b"abcdef"
    assert file.hexdigest() == hashlib.sha256(b"abcdef").hexdigest()
    assert file.bytes_written == 6
    assert reached == [("temporary-written", False), ("synced", False), ("renamed", True)]
    assert os.listdir(tmp_path) == ["a.json"]


def test_file_and_folder_are_synced_around_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    sync, move = os.fsync, os.replace

    def recorded_sync(descriptor: int) -> None:
        events.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name.split(".tmp")[0])
        sync(descriptor)

    def recorded_move(old: Path, new: Path) -> None:
        events.append("rename")
        move(old, new)

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("this system does not tell what a descriptor is")
    monkeypatch.setattr(os, "fsync", recorded_sync)
    monkeypatch.setattr(os, "replace", recorded_move)
    with atomic_file(tmp_path / "a") as file:
        file.write(b"x")
    assert events == ["a", "rename", tmp_path.name]


def test_an_error_inside_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def fail() -> None:
        with atomic_file(path) as file:
            file.write(b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize(
    ("code", "words"),
    [(errno.ENOSPC, "no space left"), (errno.EDQUOT, "no space left"), (errno.EIO, "cannot be written")],
)
def test_disk_errors_are_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, words: str) -> None:
    def full(self: HashingFile, data: bytes) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(HashingFile, "write", full)
    with (
        pytest.raises(InputError, match=rf"a\.txt: {words}.*finished shards are kept"),
        atomic_file(tmp_path / "a.txt") as file,
    ):
        file.write(b"x")
    assert os.listdir(tmp_path) == []


def test_a_folder_that_is_gone_is_explained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"), atomic_file(tmp_path / "no" / "a"):
        pass


def test_sweeping_takes_temporaries_only(tmp_path: Path) -> None:
    for name in ("a.parquet.tmp-12", "a.parquet", "b.tmp", "c.tmp-x"):
        (tmp_path / name).touch()
    assert [path.name for path in sweep_temporaries(tmp_path)] == ["a.parquet.tmp-12"]
    assert sorted(os.listdir(tmp_path)) == ["a.parquet", "b.tmp", "c.tmp-x"]


def test_crash_points_pass_unless_they_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, signal: killed.append(pid))
    crash_point("renamed", 2)
    monkeypatch.setenv("PAIRSMITH_CRASH_AT", "renamed:2")
    crash_point("renamed", 1)
    crash_point("synced", 2)
    assert killed == []
    crash_point("renamed", 2)
    assert killed == [os.getpid()]


def test_folders_that_cannot_be_synced_are_no_fault_and_broken_disks_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(code: int) -> Callable[[int], None]:
        def fsync(descriptor: int) -> None:
            raise OSError(code, "no")

        return fsync

    monkeypatch.setattr(os, "fsync", failing(errno.EINVAL))
    sync_folder(tmp_path)
    monkeypatch.setattr(os, "fsync", failing(errno.EIO))
    with pytest.raises(OSError, match="no"):
        sync_folder(tmp_path)
