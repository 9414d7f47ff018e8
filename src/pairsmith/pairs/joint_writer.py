"""One of several writers of a store, on one machine or on many that share a folder: the ranks of a run.

Each shard has one owner at a time, who makes it in a folder of its own and then, in a turn that nobody shares, moves it
into the store and names it in the manifest. Whoever names the last one seals the store.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pairsmith.errors import InputError
from pairsmith.pairs.atomic import sweep_temporaries
from pairsmith.pairs.lock import FolderBusy, FolderLock
from pairsmith.pairs.manifest import Manifest, ShardEntry, shard_index
from pairsmith.pairs.remote import RemotePath, as_folder
from pairsmith.pairs.work_folder import WorkFolder
from pairsmith.pairs.writer import StoreWriter
from pairsmith.settings import Settings

_PATIENCE = 10.0  # seconds that a writer waits for one that has the folder to itself, which may be cleaning only


class JointWriter(StoreWriter):
    """A writer beside others of its kind. All shards are staged: in the folder itself two writers could meet.

    Args:
        shards: of the finished store.
        others: as for `StoreWriter`, and the same for every writer of the store.

    Raises:
        InputError: as `StoreWriter`; a writer that is alone there is at work; the folder is on object storage.
    """

    def __init__(self, folder: Path | str, *, shards: int, settings: Mapping[str, Any] | Settings, **others: Any):
        if isinstance(as_folder(folder), RemotePath):
            raise InputError(
                f"{as_folder(folder)}: object storage has no locks, which ranks need: give them a folder on a disk "
                "that they share, or use one process with --workers"
            )
        self._shards = shards
        self._work: WorkFolder | None = None
        super().__init__(folder, settings=settings, **others)

    def _enter(self) -> FolderLock:
        began = time.monotonic()
        while True:
            try:
                return FolderLock(self.folder, shared=True)
            except FolderBusy:
                if time.monotonic() - began > _PATIENCE:
                    raise
                time.sleep(0.1)

    def _take_up(self, wanted: Manifest) -> Manifest:
        self._work = WorkFolder(self.folder)
        with self._work.turn():  # writers of this kind leave temporary files of manifests alone
            manifest = super()._take_up(wanted)
        self.missing_of(manifest)
        return manifest

    def missing_of(self, manifest: Manifest) -> int:
        """How many shards a manifest lacks.

        Raises:
            InputError: it has shards beyond those that are wanted.
        """
        done = manifest.indices()
        if done and max(done) >= self._shards:
            raise InputError(f"{self.folder} has a shard {max(done)}, but only {self._shards} shards are wanted now")
        return self._shards - len(done)

    def claim(self, index: int, *, again: bool = False) -> bool:
        """Become the owner of a shard; False where another writer is, or has made it."""
        assert self._work is not None
        if not self._work.claim(index):
            return False
        self.manifest = Manifest.load(self.folder)
        if index in self.manifest.indices() and not again:
            self._work.release(index)
            return False
        return True

    def publish(self, entry: ShardEntry, staged: Path, *, replace: bool = False) -> None:
        """As `StoreWriter.publish`; a shard that another writer has named meanwhile stays as it is."""
        assert self._work is not None
        index = shard_index(entry.name)
        assert index is not None
        with self._work.turn():
            self.manifest = Manifest.load(self.folder)
            if replace or index not in self.manifest.indices():
                super().publish(entry, staged, replace=replace)
            else:
                (staged / entry.name).unlink(missing_ok=True)
            self._seal_in_turn()
        self._work.release(index)

    def seal(self) -> None:
        """Declare the store complete if it is; a store that others are still writing stays open."""
        assert self._work is not None
        with self._work.turn():
            self.manifest = Manifest.load(self.folder)
            self._seal_in_turn()
        self.close()

    def _seal_in_turn(self) -> None:
        if not self.complete and not self.missing_of(self.manifest):
            self._save(self.manifest.model_copy(update={"complete": True}))
            sweep_temporaries(self.folder)

    def close(self) -> None:
        """Let others write on."""
        if self._work is not None:
            self._work.leave()
        self._lock.release()
