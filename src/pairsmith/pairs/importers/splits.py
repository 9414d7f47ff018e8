"""Train, validation and test inside one source: told by folders and by the beginnings of file names.

A source that holds several splits is refused until one is chosen: a test set that slips into training spoils every
number that follows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from pairsmith.errors import InputError

ALL = "all"  # takes every split on purpose
NAMES = ("train", "training", "val", "valid", "validation", "dev", "test", "testing")

_BEGINNING = re.compile(rf"({'|'.join(sorted(NAMES, key=len, reverse=True))})(?![a-z])", re.IGNORECASE)


def split_of(file: Path) -> str | None:
    """The split that a relative path speaks of (`train/0.tar`, `data/test-00000-of-00001.parquet`), in lower case."""
    for part in file.parts:
        found = _BEGINNING.match(part)
        if found:
            return found[1].lower()
    return None


def files_of_split(files: Sequence[Path], split: str | None, source: Path) -> list[Path]:
    """The files of a split: those in a folder of its name or whose own name begins with it.

    Raises:
        InputError: no file belongs to it, or no split was named and the files belong to several.
    """
    if split is None:
        require_one_split({found for file in files if (found := split_of(file)) is not None}, source)
    if split is None or split == ALL:
        return list(files)
    wanted = split.lower()
    chosen = [
        file
        for file in files
        if wanted in (part.lower() for part in file.parts[:-1])
        or re.match(rf"{re.escape(wanted)}(?![a-z])", file.name, re.IGNORECASE)
    ]
    if not chosen:
        raise InputError(f"{source}: none of its {len(files)} files belongs to split {split!r}")
    return chosen


def require_one_split(found: Iterable[str], source: Path) -> None:
    """Refuse a choice that was not made.

    Raises:
        InputError: several splits.
    """
    names = sorted(set(found))
    if len(names) > 1:
        raise InputError(f"{source}: holds the splits {', '.join(names)}; choose one with split=NAME, or split={ALL}")
