"""`pairsmith plan images`: which caption is drawn by which generators, at a fixed number of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pairsmith.cli.console import plural, say, table
from pairsmith.cli.options import ConfigFile, DryRun, Overrides, command_settings
from pairsmith.cli.plan import recipes

if TYPE_CHECKING:
    from pairsmith.stages.allocation import Allocation


def register(app: typer.Typer) -> None:
    """Add the command of this module to `plan`."""
    recipes.command("images")(plan_images)


def plan_images(
    captions: Annotated[Path, typer.Argument(metavar="CAPTIONS", help="Folder of a store with captions.")],
    generator: Annotated[
        list[str],
        typer.Option("--generator", help="Name of a generator, or NAME=SHARE of the pictures. Repeat it."),
    ],
    budget: Annotated[int, typer.Option("--budget", min=1, help="Pictures in all.")],
    views: Annotated[int, typer.Option("--views", min=1, help="Pictures of each caption.")] = 1,
    negatives: Annotated[
        bool,
        typer.Option(
            "--negatives",
            help="Half of the pictures show the hard negatives of the captions that are drawn; CAPTIONS comes from "
            "`pairsmith negative-rows`.",
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="File of the allocation (Parquet), for `render --allocation`. [default: only show]"),
    ] = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    dry_run: DryRun = False,
) -> None:
    """Share a budget of pictures among captions and generators.

    The same number of pictures can show many captions once or few captions by several generators; what is drawn is
    written down before it is. Settings for --set and --config: also by_axis, weights for captions of an axis, and seed.
    """
    from pairsmith.stages.allocation import AllocationSettings, allocate

    base: dict[str, Any] = {"budget": budget, "views": views, "negatives": negatives, "weights": shares(generator)}
    settings = command_settings(AllocationSettings, base, config, overrides, dry_run)
    from pairsmith.pairs import PairStore

    allocation = allocate(PairStore(captions), settings)
    for line in allocation_lines(allocation):
        say(line)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        allocation.save(out)
        say(f"Written: {out}")


def allocation_lines(allocation: Allocation) -> list[str]:
    """An allocation as text."""
    from pairsmith.stages.allocation import distinct_generators

    drawn = allocation.counts()
    false = len(allocation.caption_ids(negative=True))
    rows = [("generator", "pictures", "captions")]
    for name, count in drawn.items():
        rows.append((name, f"{count:,}", f"{len(allocation.caption_ids(name)):,}"))
    captions = len(allocation.caption_ids())
    rows.append(("all", f"{len(allocation):,}", f"{captions:,}"))
    lines = [f"{plural(captions, 'caption')}, {distinct_generators(allocation):.2g} generators each"]
    if false:
        lines.append(f"{plural(false, 'caption')} of them are hard negatives")
    return lines + table(rows, right=(1, 2))


def shares(generators: list[str]) -> dict[str, float]:
    """Generator -> share, from NAME or NAME=SHARE.

    Raises:
        InputError: a share that is no number, or a generator that comes twice.
    """
    from pairsmith.errors import InputError

    found: dict[str, float] = {}
    for item in generators:
        name, separator, text = item.partition("=")
        try:
            share = float(text) if separator else 1.0
        except ValueError as error:
            raise InputError(f"--generator {item!r}: {text!r} is no number") from error
        if name in found:
            raise InputError(f"--generator {name!r} comes twice")
        found[name] = share
    return found
