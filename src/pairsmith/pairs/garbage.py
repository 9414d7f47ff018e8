"""What lies in a store's folder and belongs to nothing: shown first, removed on request only."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pairsmith.errors import InputError
from pairsmith.pairs.atomic import is_temporary, sync_folder
from pairsmith.pairs.lock import FolderBusy, FolderLock
from pairsmith.pairs.manifest import Manifest, shard_index
from pairsmith.pairs.remote import RemotePath, as_folder
from pairsmith.pairs.sidecars import EMBEDDINGS_FOLDER, SCORES_FOLDER, SELECTIONS_FOLDER
from pairsmith.pairs.work_folder import WORK_FOLDER, is_abandoned, sweep_work

logger = logging.getLogger(__name__)

Kind = Literal["temporary", "unlisted", "work", "unfinished"]


@dataclass(frozen=True)
class Garbage:
    """One file that can go.

    Attributes:
        path: of the file.
        kind: "temporary" (a killed writer's), "unlisted" (a shard, whole or torn, that the manifest does not name),
            "work" (what workers of a killed run had staged: no later run takes it up), or "unfinished" (a part of a
            score that was not finished: the same command, run again, goes on from it).
        bytes: its size.
    """

    path: Path
    kind: Kind
    bytes: int


def find_garbage(folder: Path | str) -> list[Garbage]:
    """Files of the store's own kinds that belong to nothing, sorted by name; reads the manifest and names only.

    While a store is being written, the shard that was just made is unlisted for a moment: `remove_garbage` locks. What
    workers stage, and parts of scores, are left out while a run holds their locks.

    Raises:
        InputError: the folder is no store, or its manifest cannot be read.
    """
    folder = as_folder(folder)
    Manifest.load(folder)  # says clearly that a folder is no store
    return _find(folder, alone=_is_free(folder))


def remove_garbage(folder: Path | str, unfinished: bool = False) -> list[Garbage]:
    """Remove what `find_garbage` finds, under the writer's lock; shards of the manifest and foreign files stay.

    Args:
        folder: of the store.
        unfinished: parts of unfinished scores, too; what they hold will be computed again.

    Returns:
        What was removed.

    Raises:
        InputError: as `find_garbage`; the folder is being written, or cannot be.
    """
    folder = as_folder(folder)
    Manifest.load(folder)  # says clearly that a folder is no store
    with FolderLock(folder):
        found = _find(folder, alone=True)
        gone = [one for one in found if one.kind in ("temporary", "unlisted")]
        try:
            for one in gone:
                one.path.unlink(missing_ok=True)
            work = [one for one in found if one.kind == "work"]
            if work and sweep_work(folder):
                gone += work
            if unfinished:
                gone += _remove_parts([one for one in found if one.kind == "unfinished"])
            sync_folder(folder)
        except OSError as error:
            raise InputError(f"{folder} cannot be cleaned ({error.strerror})") from error
    logger.info("%s: %d files removed", folder, len(gone))
    return sorted(gone, key=lambda one: str(one.path))


def _remove_parts(parts: list[Garbage]) -> list[Garbage]:
    """Remove parts of scores, folder by folder; a folder that a process has begun to use meanwhile stays."""
    gone = []
    for folder in sorted({one.path.parent for one in parts}):
        try:
            with FolderLock(folder):
                for one in parts:
                    if one.path.parent == folder:
                        one.path.unlink(missing_ok=True)
                        gone.append(one)
                with suppress(OSError):  # something foreign lies in it
                    folder.rmdir()
        except FolderBusy:
            continue
    return gone


def _is_free(folder: Path) -> bool:
    """Whether no process writes there at this moment."""
    try:
        with FolderLock(folder):
            return True
    except FolderBusy:
        return False


def _find(folder: Path, alone: bool) -> list[Garbage]:
    """As `find_garbage`; what is staged is looked at only where no writer has the folder (`alone`)."""
    listed = {entry.name for entry in Manifest.load(folder).shards}
    found = []
    for path in folder.iterdir():
        if is_temporary(path):
            found.append(_garbage(path, "temporary"))
        elif shard_index(path.name) is not None and path.name not in listed:
            found.append(_garbage(path, "unlisted"))
    for name in (SCORES_FOLDER, EMBEDDINGS_FOLDER, SELECTIONS_FOLDER):
        inside = folder / name
        if inside.exists() and not inside.is_symlink():
            found += [_garbage(path, "temporary") for path in inside.iterdir() if is_temporary(path)]
    if not isinstance(folder, RemotePath):  # workers and parts of scores need a local disk
        found += _parts(folder / SCORES_FOLDER)
        if alone and is_abandoned(folder):
            staged = (folder / WORK_FOLDER).rglob("*")
            found += [_garbage(path, "work") for path in staged if path.is_file() and not path.is_symlink()]
    return sorted(found, key=lambda one: str(one.path))


def _parts(scores: Path) -> Iterator[Garbage]:
    """What lies in the hidden folders of scores that no process is at."""
    if scores.is_symlink() or not scores.is_dir():
        return
    for folder in scores.iterdir():
        if folder.name.startswith(".") and folder.is_dir() and not folder.is_symlink() and _is_free(folder):
            for path in folder.glob("part-*.parquet*"):
                yield _garbage(path, "temporary" if is_temporary(path) else "unfinished")


def _garbage(path: Path, kind: Kind) -> Garbage:
    return Garbage(path, kind, path.stat().st_size)
