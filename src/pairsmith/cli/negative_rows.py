"""`pairsmith negative-rows`: hard negatives as captions of their own, so that they can be drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pairsmith.cli.options import ShardRows
from pairsmith.cli.progress import open_display
from pairsmith.cli.stores import Store, counts_sentence


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("negative-rows")(negative_rows)


def negative_rows(
    store: Store,
    out: Annotated[Path, typer.Option("--out", help="Folder of the new store; one that was stopped goes on.")],
    shard_rows: ShardRows = 1000,
) -> None:
    """Make every hard negative a row of its own.

    For negatives that are to have pictures: run it after `pairsmith negatives` and before `plan images` and `render`.
    The row of a negative stands after its caption's, and each is the other's negative.
    """
    from pairsmith.cli.console import say
    from pairsmith.pairs import PairStore
    from pairsmith.stages.negative_rows import add_negative_rows

    with open_display() as display, display.stage("negative rows"):
        made = add_negative_rows(PairStore(store), out, shard_rows=shard_rows, progress=display.rows("negative rows"))
    say(f"{out}: {counts_sentence(made.counts())}")
