from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pairsmith.errors import InputError
from pairsmith.pairs.lock import FolderLock

pytest.importorskip("fcntl")


def test_one_writer_at_a_time_and_no_file_left(tmp_path: Path) -> None:
    with FolderLock(tmp_path):
        with pytest.raises(InputError, match="being written by another process"):
            FolderLock(tmp_path)
        assert os.listdir(tmp_path) == []
    FolderLock(tmp_path).release()


def test_the_lock_ends_with_its_object(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    del lock
    FolderLock(tmp_path).release()


def test_the_lock_ends_with_its_process(tmp_path: Path) -> None:
    code = (
        "import sys, os, signal, pathlib; from pairsmith.pairs.lock import FolderLock\n"
        "lock = FolderLock(pathlib.Path(sys.argv[1])); print('locked', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"locked\n"
        with pytest.raises(InputError, match="another process"):
            FolderLock(tmp_path)
        process.kill()
        process.wait()
    FolderLock(tmp_path).release()
