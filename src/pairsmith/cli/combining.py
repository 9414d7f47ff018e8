"""`pairsmith merge`, `split`, `sample`, `join`, `gc`: sealed stores made into new ones, and leftovers cleared away."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pairsmith.cli.console import plural, say, scaled
from pairsmith.cli.options import ShardRows
from pairsmith.cli.progress import open_display
from pairsmith.cli.stores import Store, counts_sentence
from pairsmith.errors import InputError

if TYPE_CHECKING:
    from pairsmith.pairs import PairStore

Out = Annotated[
    Path, typer.Option("--out", metavar="PATH", help="Folder of the new store; a command that was stopped goes on.")
]
Seed = Annotated[int, typer.Option("--seed", help="Another seed draws otherwise.")]


class Duplicates(StrEnum):
    """What becomes of ids that occur twice."""

    refuse = "refuse"
    first = "first"


class SplitBy(StrEnum):
    """What stays together in a split."""

    group = "group"
    id = "id"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("merge")(merge_command)
    app.command("split")(split_command)
    app.command("sample")(sample_command)
    app.command("join")(join_command)
    app.command("gc")(gc_command)


def merge_command(
    stores: Annotated[list[Path], typer.Argument(metavar="STORE", help="Folders of finished pair stores.")],
    out: Out,
    duplicates: Annotated[
        Duplicates,
        typer.Option("--duplicates", help="refuse: an id that occurs twice is an error; first: its first row is kept."),
    ] = Duplicates.refuse,
    shard_rows: ShardRows = 1000,
) -> None:
    """Merge finished stores into a new one.

    Rows keep their order, ids, status and scores; stores of other tokens or other kinds of rows are refused.
    """
    from pairsmith.pairs.combining import merge_stores

    with open_display() as display, display.stage("merge"):
        made = merge_stores(
            stores, out, duplicates=duplicates.value, shard_rows=shard_rows, progress=display.rows("merge")
        )
    dropped = f", {plural(made.duplicates, 'row')} of repeated ids left out" if made.duplicates else ""
    say(f"{out}: {counts_sentence(made.store.counts())}{dropped}")


def split_command(
    store: Store,
    parts: Annotated[
        list[str],
        typer.Option(
            "--part", metavar="NAME=SHARE", help="A part and its share of the rows; repeat. Shares add up to 1."
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="PATH", help="Folder that gets one store for each part, by its name.")
    ],
    by: Annotated[
        SplitBy, typer.Option("--by", help="group: rows of one group go to one part; id: every row by itself.")
    ] = SplitBy.group,
    seed: Seed = 0,
    shard_rows: ShardRows = 1000,
) -> None:
    """Split a finished store into parts.

    The part of a row depends on the seed and its group alone: a store that grows keeps the parts of its old rows.
    """
    from pairsmith.pairs.combining import split_store

    with open_display() as display, display.stage("split"):
        made = split_store(
            store,
            out,
            _shares(parts),
            seed=seed,
            by=by.value,
            shard_rows=shard_rows,
            progress=display.rows("split"),
        )
    for name, part in made.items():
        say(f"{out / name}: {counts_sentence(part.counts())}")


def _shares(parts: list[str]) -> dict[str, float]:
    from pairsmith.errors import InputError

    shares: dict[str, float] = {}
    for text in parts:
        name, _, share = text.partition("=")
        try:
            value = float(share)
        except ValueError as error:
            raise InputError(f"--part {text!r} is not of the form train=0.9") from error
        if name in shares:
            raise InputError(f"--part {name} is there twice")
        shares[name] = value
    return shares


def sample_command(
    store: Store,
    rows: Annotated[int, typer.Option("--rows", metavar="N", min=1, help="Rows of status ok to draw.")],
    out: Out,
    seed: Seed = 0,
    shard_rows: ShardRows = 1000,
) -> None:
    """Draw rows of a finished store at random.

    Without replacement and in the order of the store; a larger sample of the same seed holds the smaller one.
    """
    from pairsmith.pairs.combining import sample_store

    with open_display() as display, display.stage("sample"):
        made = sample_store(store, out, rows, seed=seed, shard_rows=shard_rows, progress=display.rows("sample"))
    _say_made(made, out)


def join_command(
    store: Store,
    out: Out,
    scores: Annotated[
        list[str] | None,
        typer.Option("--score", metavar="NAME", help="A score of the store; repeat for more. [default: all]"),
    ] = None,
) -> None:
    """Copy a finished store with its scores as columns.

    Each Parquet file gets a column score_NAME (a number, or null where a row has no such score) behind the others,
    for DuckDB, pandas and datasets. The copy is a pair store like any other.
    """
    from pairsmith.pairs.joining import join_scores

    with open_display() as display, display.stage("join"):
        made = join_scores(store, out, scores or [], progress=display.rows("join"))
    _say_made(made, out)


def _say_made(made: PairStore, out: Path) -> None:
    say(f"{out}: {counts_sentence(made.counts())}")


def gc_command(
    store: Store,
    delete: Annotated[
        bool, typer.Option("--delete", help="Remove what is shown; without it nothing is touched.")
    ] = False,
    unfinished: Annotated[
        bool,
        typer.Option("--unfinished", help="With --delete: parts of unfinished scores, too; they are computed again."),
    ] = False,
) -> None:
    """Show what killed writers left, and clear it away.

    Temporary files, shards that the manifest does not name, what workers had staged, and parts of scores that were not
    finished. The last could be gone on from, and stay unless --unfinished is given. Nothing that a live run holds is
    touched, and whatever is not of the store's own kinds of files stays in any case.
    """
    from pairsmith.pairs.garbage import find_garbage, remove_garbage

    if unfinished and not delete:
        raise InputError("--unfinished says what --delete may remove: give both")
    found = remove_garbage(store, unfinished) if delete else find_garbage(store)
    for one in found:
        say(f"{one.path}: {one.kind}, {scaled(one.bytes, 'B')}")
    if not found:
        say(f"{store}: nothing to remove")
        return
    size = scaled(sum(one.bytes for one in found), "B")
    how = "run again with --delete to remove them"
    if any(one.kind == "unfinished" for one in found):
        how += ", with --delete --unfinished to remove also what unfinished scores would go on from"
    say(f"{plural(len(found), 'file')}, {size}: {'removed' if delete else how}")
