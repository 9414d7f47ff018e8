"""Whether a store is finished, and taking a finished one up again whose rows are to be made anew."""

from __future__ import annotations

from pathlib import Path

from pairsmith.pairs.lock import FolderLock
from pairsmith.pairs.manifest import MANIFEST_NAME, Manifest


def is_complete(folder: Path) -> bool:
    """Whether there is a finished store.

    Raises:
        InputError: its manifest cannot be read.
    """
    return (folder / MANIFEST_NAME).is_file() and Manifest.load(folder).complete


def reopen(folder: Path) -> None:
    """Take every shard out of the manifest, so that the stage that made the store makes it again.

    Raises:
        InputError: no store, or somebody writes there.
    """
    with FolderLock(folder):
        manifest = Manifest.load(folder)
        manifest.without_shards([entry.name for entry in manifest.shards]).save(folder)
