"""Several writers of one store: who is at work, who owns which shard, and whose turn it is to write the manifest.

All of it is file locks in the hidden folder `.work` of the store, and a lock ends with its process, so nothing has to
expire and no clock is asked. Locks are taken on files that are open for writing, as network file systems want it. The
last writer to leave takes the folder away.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pairsmith.errors import InputError

try:
    import fcntl
except ImportError:  # no file locks on Windows
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)

WORK_FOLDER = ".work"
_PRESENT = "writers.lock"  # shared by all writers at work
_TURN = "manifest.lock"


class WorkFolder:
    """One writer's place among several, from construction to `leave` or the end of the process.

    Args:
        store: the store's folder.

    Raises:
        InputError: the folder cannot be written.
    """

    def __init__(self, store: Path) -> None:
        self.path = store / WORK_FOLDER
        if self.path.is_symlink():
            raise InputError(f"{self.path} is a link, through which nothing is written: delete it and run again")
        self._leases: dict[int, int] = {}  # shard -> descriptor
        self._present: int | None = self._join()

    def _join(self) -> int:
        while True:  # until the file is one that the last writer to leave has not just removed
            descriptor = self._open(_PRESENT)
            _lock(descriptor, exclusive=False, wait=True)
            if _still_at(descriptor, self.path / _PRESENT):
                return descriptor
            os.close(descriptor)

    def _open(self, name: str) -> int:
        while True:
            try:
                self.path.mkdir(parents=True, exist_ok=True)
                return os.open(self.path / name, os.O_RDWR | os.O_CREAT, 0o666)
            except FileNotFoundError:
                continue  # the last writer took the folder away in between
            except OSError as error:
                raise InputError(f"{self.path}: cannot be written ({error.strerror})") from error

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The time in which no other writer changes the manifest."""
        descriptor = self._open(_TURN)
        try:
            _lock(descriptor, exclusive=True, wait=True)
            yield
        finally:
            os.close(descriptor)

    def claim(self, shard: int) -> bool:
        """Become the owner of a shard until `release`; False where another writer is.

        Whoever has claimed a shard looks into the manifest next: it may have been made meanwhile.
        """
        if shard in self._leases:
            return True
        descriptor = self._open(_lease_name(shard))
        if not _lock(descriptor, exclusive=True, wait=False):
            os.close(descriptor)
            return False
        self._leases[shard] = descriptor
        return True

    def release(self, shard: int) -> None:
        """Give up a shard."""
        descriptor = self._leases.pop(shard, None)
        if descriptor is not None:
            os.close(descriptor)

    def leave(self) -> None:
        """Give up everything; the last one to leave removes the folder. May be called again."""
        for shard in list(self._leases):
            self.release(shard)
        if self._present is not None:
            os.close(self._present)
            self._present = None
            sweep_work(self.path.parent, alone=False)


def sweep_work(store: Path, *, alone: bool = True) -> bool:
    """Remove the work folder of a store; False where somebody is at work in it, who then keeps it.

    Args:
        store: the store's folder.
        alone: the caller holds the lock of the store, so nobody can come to the work folder meanwhile. One who leaves
            others behind does not: a folder that another is just removing, or has made anew, is none of his.
    """
    path = store / WORK_FOLDER
    if not path.exists():
        return True
    try:
        descriptor = os.open(path / _PRESENT, os.O_RDWR)
    except FileNotFoundError:  # the workers of a writer that has the whole store to itself leave no such file
        if alone:
            shutil.rmtree(path, ignore_errors=True)
        return True
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        if _can_lock(descriptor):
            if not _lock(descriptor, exclusive=True, wait=False):
                return False
            if _still_at(descriptor, path / _PRESENT):
                _remove(path)
        return True
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    """Take a work folder away, the file of those present last: until it is gone, nobody comes in past its lock."""
    with suppress(OSError):
        for inside in path.iterdir():
            if inside.is_dir() and not inside.is_symlink():
                shutil.rmtree(inside, ignore_errors=True)
            elif inside.name != _PRESENT:
                inside.unlink(missing_ok=True)
        (path / _PRESENT).unlink()
        path.rmdir()  # unless somebody has come in since


def is_abandoned(store: Path) -> bool:
    """Whether a store has a work folder at which no writer of several is; False where nobody can tell.

    A writer that has the store to itself is not seen here: it holds the lock of the store.

    Raises:
        InputError: the folder cannot be read.
    """
    path = store / WORK_FOLDER
    if path.is_symlink() or not path.is_dir():
        return False
    present = path / _PRESENT
    try:
        descriptor = os.open(present, os.O_RDWR) if present.exists() else os.open(store, os.O_RDONLY)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        return _can_lock(descriptor) and (not present.exists() or _lock(descriptor, exclusive=True, wait=False))
    finally:
        os.close(descriptor)


def _lease_name(shard: int) -> str:
    return f"shard-{shard:05d}.lock"


def _lock(descriptor: int, *, exclusive: bool, wait: bool) -> bool:
    """Lock an open file; False where another process holds it. Without locks everybody gets one, and a warning."""
    if fcntl is None:
        return True
    kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
    try:
        fcntl.flock(descriptor, kind if wait else kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        logger.warning("the file system has no locks; make sure that every rank runs only once at a time")
    return True


def _can_lock(descriptor: int) -> bool:
    """Whether the file system has locks: without them nobody can tell who is at work."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return True


def _still_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False
