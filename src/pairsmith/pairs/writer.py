"""Writing a store: shard by shard, each visible at once or not at all, resumable, and never with mixed settings."""

from __future__ import annotations

import os
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from pairsmith.errors import InputError
from pairsmith.pairs.atomic import atomic_file, crash_point, sweep_temporaries, sync_folder
from pairsmith.pairs.lock import FolderBusy, FolderLock
from pairsmith.pairs.manifest import MANIFEST_NAME, Manifest, ShardEntry, shard_index
from pairsmith.pairs.remote import RemotePath, as_folder
from pairsmith.pairs.schema import Pair, pairs_to_table
from pairsmith.pairs.shards import fit_table, write_shard_file
from pairsmith.pairs.work_folder import WORK_FOLDER, sweep_work
from pairsmith.settings import Settings

CARD_NAME = "README.md"
STAGED = "staged"  # the crash point at which a shard lies whole in its worker's folder, and not yet in the store

# Read by `datasets` and by the Hugging Face Hub: only the shards are rows, whatever else lies in the folder.
_CARD = """---
configs:
- config_name: default
  data_files: "part-*.parquet"
---

A Pairsmith store of image-text pairs. `manifest.json` says how it was made.
"""


def make_shard(
    folder: Path, index: int, rows: Iterable[Pair] | pa.Table, num_tokens: int | None, *, staged: bool = False
) -> ShardEntry:
    """Write one shard file; it counts only once a manifest names the entry returned here.

    Args:
        folder: an existing store, or a worker's own folder below its `.work`.
        index: the shard's number, from 0.
        rows: pairs, or a table with the columns of the pair schema.
        num_tokens: as in the store's manifest.
        staged: `folder` is a worker's; `PairWriter.publish` moves the file into the store.

    Raises:
        InputError: rows that do not fit the schema, a full disk, a folder that cannot be written.
    """

    def reached(name: str) -> None:
        crash_point(STAGED if staged and name == "renamed" else name, index + 1)

    table = fit_table(rows, num_tokens) if isinstance(rows, pa.Table) else pairs_to_table(rows, num_tokens)
    reached("rows-made")
    return write_shard_file(folder, index, table, reached)


class StoreWriter(ABC):
    """Somebody who writes a store's folder: alone (`PairWriter`) or beside others (`JointWriter`).

    Opening makes the folder, or takes up an unfinished one: what a killed writer left is swept away, and a shard file
    that the manifest does not name (the writer died between rename and manifest) will be made again.

    Args:
        folder: where the store is or will be; on object storage nothing locks it (see `remote`).
        settings: of the stage that makes the rows, in full; JSON values.
        inputs: name -> fingerprint of everything the rows are made from.
        kind: what the rows are.
        num_tokens: tokens a row, None when open or absent.
        tokenizer: fingerprint of the tokenizer that made the tokens.
        layout: how rows fall to shards, such as {"shard_rows": 1000}; resuming needs it unchanged.

    Raises:
        InputError: the folder was made with something different (the first difference is named), by a newer
            Pairsmith, is being written by another process, or cannot be written.
    """

    def __init__(
        self,
        folder: Path | str,
        *,
        settings: Mapping[str, Any] | Settings,
        inputs: Mapping[str, str] | None = None,
        kind: str = "pairs",
        num_tokens: int | None = None,
        tokenizer: str | None = None,
        layout: Mapping[str, int] | None = None,
    ) -> None:
        self.folder = as_folder(folder)
        self._staging: tempfile.TemporaryDirectory[str] | None = None  # for a store that is on no disk
        wanted = Manifest.make(kind, settings, inputs or {}, tokenizer, num_tokens, layout or {})
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{self.folder}: the folder cannot be made ({error.strerror})") from error
        self._lock = self._enter()
        try:
            self.manifest = self._take_up(wanted)
        except BaseException:
            self.close()
            raise

    @abstractmethod
    def _enter(self) -> FolderLock:
        """The lock of the folder."""

    def _take_up(self, wanted: Manifest) -> Manifest:
        """What was begun in the folder, or a beginning."""
        try:
            sweep_temporaries(self.folder)
        except OSError as error:
            raise InputError(f"{self.folder} cannot be cleaned of temporary files ({error.strerror})") from error
        if (self.folder / MANIFEST_NAME).exists():
            found = Manifest.load(self.folder)
            difference = found.difference(wanted)
            if difference:
                raise InputError(
                    f"{self.folder} was made with other settings: {difference}; "
                    "give another folder, the old settings, or delete the old folder"
                )
            return found
        if any(shard_index(path.name) is not None for path in self.folder.iterdir()):
            raise InputError(
                f"{self.folder} holds shards but no {MANIFEST_NAME}: give another folder, or empty this one"
            )
        with atomic_file(self.folder / CARD_NAME) as card:
            card.write(_CARD.encode())
        self._save(wanted)
        return wanted

    @property
    def complete(self) -> bool:
        """Whether the store is sealed; then there is nothing to do."""
        return self.manifest.complete

    def missing(self, n_shards: int) -> list[int]:
        """The indices below `n_shards` that are still to be written, ascending.

        Raises:
            InputError: the store has shards beyond `n_shards`.
        """
        done = self.manifest.indices()
        if done and max(done) >= n_shards:
            raise InputError(f"{self.folder} has a shard {max(done)}, but only {n_shards} shards are wanted now")
        return [index for index in range(n_shards) if index not in done]

    @abstractmethod
    def claim(self, index: int, *, again: bool = False) -> bool:
        """Whether this writer is to make a shard (or, `again`, a part of its rows)."""

    def publish(self, entry: ShardEntry, staged: Path, *, replace: bool = False) -> None:
        """Move a shard that `make_shard` staged into the store and name it in the manifest.

        Only the owner of a shard does this: what a worker that was given up for dead still writes never gets here.

        Args:
            entry: of the shard.
            staged: the worker's folder.
            replace: the store has this shard, and some of its rows were made again. It leaves the manifest before its
                file is touched, so a reader sees the old shard, none, or the new one.

        Raises:
            InputError: the store is sealed and nothing is to be replaced, or the folder cannot be written.
        """
        if replace:
            self._save(self.manifest.without_shards([entry.name]))
        self._check_open()
        try:
            if isinstance(self.folder, RemotePath):
                (self.folder / entry.name).put(staged / entry.name)
                (staged / entry.name).unlink()
            else:
                os.replace(staged / entry.name, self.folder / entry.name)
                sync_folder(self.folder)
        except OSError as error:
            why = error.strerror or error
            raise InputError(f"{self.folder / entry.name}: cannot be written ({why})") from error
        crash_point("renamed", (shard_index(entry.name) or 0) + 1)
        self._save(self.manifest.with_shard(entry))

    @abstractmethod
    def seal(self) -> None:
        """Declare the store complete, if it is, and let others at the folder."""

    @abstractmethod
    def close(self) -> None:
        """Let others at the folder; called by `seal` and at the end of a `with` block."""

    def _check_open(self) -> None:
        if self.complete:
            raise InputError(f"{self.folder} is complete and will not be written to")

    def _save(self, manifest: Manifest) -> None:
        manifest.save(self.folder)
        self.manifest = manifest
        crash_point("manifest-written", len(manifest.shards) + manifest.complete + 1)

    @property
    def work_folder(self) -> Path:
        """Below which workers stage what they make, on a disk; gone once nobody writes."""
        if not isinstance(self.folder, RemotePath):
            return self.folder / WORK_FOLDER
        if self._staging is None:
            self._staging = tempfile.TemporaryDirectory(prefix="pairsmith-")
        return Path(self._staging.name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class PairWriter(StoreWriter):
    """The one writer of a store's folder.

        with PairWriter(folder, settings=settings) as writer:
            for index in writer.missing(10):
                writer.write_shard(index, make_rows(index))
            writer.seal()

    Arguments and errors are those of `StoreWriter`.
    """

    def _enter(self) -> FolderLock:
        """The lock of the folder, held alone, and nothing left of those who were here before."""
        lock = FolderLock(self.folder)
        try:
            if not sweep_work(self.folder):
                raise FolderBusy(f"{self.folder} is being written by ranks: wait until they end, or stop them")
        except BaseException:
            lock.release()
            raise
        return lock

    def write_shard(self, index: int, rows: Iterable[Pair] | pa.Table) -> ShardEntry:
        """Write one shard and name it in the manifest.

        Raises:
            InputError: as `make_shard`, or the store is sealed.
        """
        self._check_open()
        entry = make_shard(self.folder, index, rows, self.manifest.num_tokens)
        self.add(entry)
        return entry

    def add(self, entry: ShardEntry) -> None:
        """Name in the manifest a shard that `make_shard` wrote into the folder."""
        self._check_open()
        self._save(self.manifest.with_shard(entry))

    def claim(self, index: int, *, again: bool = False) -> bool:
        """Always: nobody else makes shards here."""
        return True

    def seal(self) -> None:
        """Declare the store complete.

        Raises:
            InputError: a shard is missing between others.
        """
        missing = self.missing(max(self.manifest.indices(), default=-1) + 1)
        if missing:
            raise InputError(f"{self.folder} cannot be sealed: shards {missing} are missing")
        if not self.complete:
            self._save(self.manifest.model_copy(update={"complete": True}))
        self.close()

    def close(self) -> None:
        """Let another writer at the folder; called by `seal` and at the end of a `with` block."""
        if self._lock.held:
            sweep_work(self.folder)
        if self._staging is not None:
            self._staging.cleanup()
        self._lock.release()
