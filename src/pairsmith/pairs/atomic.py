"""Files that appear whole or not at all: temporary file, fsync, rename, fsync of the folder.

Shards, manifests and sidecars are all written through `atomic_file`. A process killed at any moment leaves either the
old file or the new one, and at worst a temporary file that the next writer sweeps away. On object storage one put takes
the place of the rename (see `remote`).
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from pairsmith.errors import InputError, PairsmithError
from pairsmith.pairs.remote import RemotePath

# Set to "name:occurrence" (say "renamed:2"), a process kills itself there: for testing that stores survive it.
CRASH_VARIABLE = "PAIRSMITH_CRASH_AT"
CRASH_POINTS = ("rows-made", "temporary-written", "synced", "renamed", "manifest-written")

_TEMPORARY = re.compile(r"\.tmp-\d+$")
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def crash_point(name: str, occurrence: int) -> None:
    """Kill this process with SIGKILL when PAIRSMITH_CRASH_AT names this point and occurrence.

    Args:
        name: one of `CRASH_POINTS`.
        occurrence: for a shard its index + 1; for the manifest the count of its writings (1 is the empty one).
    """
    if os.environ.get(CRASH_VARIABLE) == f"{name}:{occurrence}":
        os.kill(os.getpid(), signal.SIGKILL)


class HashingFile:
    """A write-only binary file that counts its bytes and takes their SHA-256 on the way."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._sha256 = hashlib.sha256()
        self.bytes_written = 0
        self.closed = False

    def write(self, data: bytes) -> int:
        self._raw.write(data)
        self._sha256.update(data)
        self.bytes_written += len(data)
        return len(data)

    def flush(self) -> None:
        self._raw.flush()

    def close(self) -> None:
        """Does nothing: `atomic_file` closes the file beneath, after its fsync."""

    def hexdigest(self) -> str:
        return self._sha256.hexdigest()


@contextmanager
def atomic_file(path: Path, reached: Callable[[str], None] = lambda name: None) -> Iterator[HashingFile]:
    """Write `path` through a temporary file beside it; it becomes visible when the block ends well.

    Args:
        path: the file to make or to replace.
        reached: called with "temporary-written", "synced" and "renamed" as each is done.

    Raises:
        InputError: the disk is full or the folder cannot be written; the temporary file is gone, `path` is untouched.
    """
    if isinstance(path, RemotePath):
        with _sent_file(path, reached) as file:
            yield file
        return
    temporary = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    try:
        with temporary.open("wb") as raw:
            file = HashingFile(raw)
            yield file
            raw.flush()
            reached("temporary-written")
            os.fsync(raw.fileno())
        reached("synced")
        os.replace(temporary, path)
    except BaseException as error:
        _discard(temporary)
        if isinstance(error, OSError) and not isinstance(error, PairsmithError):
            raise _explain(path, error) from error
        raise
    reached("renamed")
    sync_folder(path.parent)


@contextmanager
def _sent_file(path: RemotePath, reached: Callable[[str], None]) -> Iterator[HashingFile]:
    """`atomic_file` for object storage: made on the local disk, then put whole; "renamed" is when it has arrived."""
    try:
        with tempfile.NamedTemporaryFile(prefix="pairsmith-") as raw:
            file = HashingFile(cast(BinaryIO, raw))
            yield file
            raw.flush()
            reached("temporary-written")
            reached("synced")
            path.put(Path(raw.name))
    except OSError as error:
        raise _explain(path, error) from error
    reached("renamed")


def _discard(temporary: Path) -> None:
    try:
        temporary.unlink(missing_ok=True)
    except OSError:  # a folder gone read-only must not hide the first error
        return


def _explain(path: Path | RemotePath, error: OSError) -> InputError:
    if error.errno in _FULL:
        return InputError(
            f"{path}: no space left to write it ({error.strerror}); finished shards are kept: free space and run again"
        )
    return InputError(f"{path}: cannot be written ({error.strerror or error}); finished shards are kept")


def sync_folder(folder: Path) -> None:
    """Make renames and removals inside `folder` outlast a power cut.

    Object storage needs nothing for that, and some mounted file systems know no such thing.
    """
    if isinstance(folder, RemotePath):
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def is_temporary(path: Path) -> bool:
    """Whether `path` is named like a temporary file of `atomic_file`."""
    return _TEMPORARY.search(path.name) is not None


def sweep_temporaries(folder: Path) -> list[Path]:
    """Remove what killed writers left in `folder` (not below it); returns the removed paths, sorted."""
    orphans = sorted((path for path in folder.iterdir() if is_temporary(path)), key=str)
    for path in orphans:
        path.unlink(missing_ok=True)
    return orphans
