"""Whether a store is finished, and taking a finished one up again whose rows are to be made anew."""

from __future__ import annotations

from pathlib import Path

from pairsmith.pairs.lock import FolderLock
from pairsmith.pairs.manifest import MANIFEST_NAME, Manifest
from pairsmith.pairs.remote import as_folder


def is_complete(folder: Path) -> bool:
    """Whether there is a finished store.

    Raises:
        InputError: its manifest cannot be read.
    """
    folder = as_folder(folder)
    return (folder / MANIFEST_NAME).is_file() and Manifest.load(folder).complete


def reopen(folder: Path) -> None:
    """Take every shard out of the manifest, so that the stage that made the store makes it again.

    Raises:
        InputError: no store, or somebody writes there.
    """
    folder = as_folder(folder)
    with FolderLock(folder):
        manifest = Manifest.load(folder)
        manifest.without_shards([entry.name for entry in manifest.shards]).save(folder)
