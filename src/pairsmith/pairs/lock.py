"""One writer at a time: a lock on a store's folder that leaves no file behind and dies with its process."""

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


class FolderLock:
    """Held from construction to `release`, the end of a `with` block, or the end of the object or the process.

    Where the file system has no locks, a warning is logged and writing goes on without one.

    Raises:
        InputError: another writer, of this process or of another, holds the lock.
    """

    def __init__(self, folder: Path) -> None:
        self._descriptor: int | None = None
        if fcntl is None:
            return
        if isinstance(folder, RemotePath):
            logger.warning("%s: object storage has no locks; make sure that only one process writes here", folder)
            return
        self._descriptor = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.release()
            raise InputError(f"{folder} is being written by another process: wait until it ends, or stop it") from error
        except OSError:
            logger.warning("%s: the file system has no locks; make sure that only one process writes here", folder)

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
