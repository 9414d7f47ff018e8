"""What commands on stores of captions share: where they write, and how they tell of dropped rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pairsmith.cli.console import say

if TYPE_CHECKING:
    from pairsmith.pairs import PairStore


def needs_out(out: Path | None, preview: int | None) -> Path:
    """The folder to write; with a preview nothing is written and any path will do.

    Raises:
        InputError: neither is given.
    """
    from pairsmith.errors import InputError

    if out is None and preview is None:
        raise InputError("give --out FOLDER for the new store, or --preview N to see a few first")
    return out or Path()


def cache_folder(out: Path | None) -> Path | None:
    """Where a server's answers are kept: beside the store, if that is on a disk."""
    from pairsmith.pairs.remote import RemotePath, as_folder

    if out is None or isinstance(as_folder(out), RemotePath):
        return None
    return out.with_name(f"{out.name}.requests")


def say_reasons(store: PairStore) -> None:
    """How many rows fell to each reason."""
    from pairsmith.captions.stage import reason_counts

    for reason, rows in reason_counts(store).items():
        say(f"  {reason}: {rows:,}")
