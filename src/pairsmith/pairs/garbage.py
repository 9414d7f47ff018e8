"""What lies in a store's folder and belongs to nothing: shown first, removed on request only."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pairsmith.errors import InputError
from pairsmith.pairs.atomic import is_temporary, sync_folder
from pairsmith.pairs.lock import FolderLock
from pairsmith.pairs.manifest import Manifest, shard_index
from pairsmith.pairs.remote import as_folder
from pairsmith.pairs.sidecars import EMBEDDINGS_FOLDER, SCORES_FOLDER, SELECTIONS_FOLDER

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Garbage:
    """One file that can go.

    Attributes:
        path: of the file.
        kind: "temporary" (a killed writer's) or "unlisted" (a shard, whole or torn, that the manifest does not name).
        bytes: its size.
    """

    path: Path
    kind: Literal["temporary", "unlisted"]
    bytes: int


def find_garbage(folder: Path | str) -> list[Garbage]:
    """Files of the store's own kinds that belong to nothing, sorted by name; reads the manifest and names only.

    While a store is being written, the shard that was just made is unlisted for a moment: `remove_garbage` locks.

    Raises:
        InputError: the folder is no store, or its manifest cannot be read.
    """
    folder = as_folder(folder)
    listed = {entry.name for entry in Manifest.load(folder).shards}
    found = []
    for path in folder.iterdir():
        if is_temporary(path):
            found.append(Garbage(path, "temporary", path.stat().st_size))
        elif shard_index(path.name) is not None and path.name not in listed:
            found.append(Garbage(path, "unlisted", path.stat().st_size))
    for name in (SCORES_FOLDER, EMBEDDINGS_FOLDER, SELECTIONS_FOLDER):
        inside = folder / name
        if inside.exists() and not inside.is_symlink():
            found += [
                Garbage(path, "temporary", path.stat().st_size) for path in inside.iterdir() if is_temporary(path)
            ]
    return sorted(found, key=lambda one: str(one.path))


def remove_garbage(folder: Path | str) -> list[Garbage]:
    """Remove what `find_garbage` finds, under the writer's lock; shards of the manifest and foreign files stay.

    Returns:
        What was removed.

    Raises:
        InputError: as `find_garbage`; the folder is being written, or cannot be.
    """
    folder = as_folder(folder)
    Manifest.load(folder)  # says clearly that a folder is no store
    with FolderLock(folder):
        found = find_garbage(folder)
        try:
            for one in found:
                one.path.unlink(missing_ok=True)
            sync_folder(folder)
        except OSError as error:
            raise InputError(f"{folder} cannot be cleaned ({error.strerror})") from error
    logger.info("%s: %d files removed", folder, len(found))
    return found
