"""One writer at a time, or several that know of each other: a lock on a store's folder that leaves no file behind.

It ends with its process.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from pairsmith.errors import InputError
from pairsmith.pairs.remote import RemotePath

try:
    import fcntl
except ImportError:  # no file locks on Windows
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)


class FolderBusy(InputError):
    """Another process writes there."""


class FolderLock:
    """Held from construction to `release`, the end of a `with` block, or the end of the object or the process.

    Where the file system has no locks, a warning is logged and writing goes on without one.

    Args:
        folder: of a store.
        shared: beside others that share it (see `work_folder`), but not beside one that does not.

    Raises:
        FolderBusy: another writer, of this process or of another, holds the lock.
    """

    def __init__(self, folder: Path, *, shared: bool = False) -> None:
        self._descriptor: int | None = None
        if fcntl is None:
            return
        if isinstance(folder, RemotePath):
            logger.warning("%s: object storage has no locks; make sure that only one process writes here", folder)
            return
        self._descriptor = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(self._descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.release()
            raise FolderBusy(f"{folder} is being written by another process: wait until it ends, or stop it") from error
        except OSError:
            logger.warning("%s: the file system has no locks; make sure that only one process writes here", folder)

    @property
    def held(self) -> bool:
        """Whether it was not released yet."""
        return self._descriptor is not None

    def release(self) -> None:
        """Let others write; may be called again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> FolderLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def __del__(self) -> None:
        self.release()
