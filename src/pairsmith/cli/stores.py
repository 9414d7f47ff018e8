"""`pairsmith import`, `export`, `verify`, `repair`: pairs into a store, out of it, and whether they are whole."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from pairsmith.cli.console import note, plural, say
from pairsmith.cli.options import ConfigFile, DryRun, Overrides, ShardRows, command_settings
from pairsmith.cli.progress import open_display

Store = Annotated[Path, typer.Argument(metavar="STORE", help="Folder of a pair store.")]


class ImportFormat(StrEnum):
    """Formats that come in."""

    auto = "auto"
    coco = "coco"
    karpathy = "karpathy"
    webdataset = "webdataset"
    parquet = "parquet"
    folder = "folder"


class ExportFormat(StrEnum):
    """Formats that go out."""

    webdataset = "webdataset"
    parquet = "parquet"
    llava = "llava"
    coco = "coco"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("import")(import_command)
    app.command("export")(export_command)
    app.command("verify")(verify_command)
    app.command("repair")(repair_command)


def import_command(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="COCO captions (the JSON file or the data set's folder), a Karpathy JSON, WebDataset tars, Parquet "
            "files or a downloaded Hugging Face data set, or a folder of images with name.txt beside name.jpg.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="PATH", help="Folder of the new store; an import that was stopped goes on.")
    ],
    format: Annotated[ImportFormat, typer.Option("--format", help="What SOURCE is; auto looks at its content.")] = (
        ImportFormat.auto
    ),
    images: Annotated[
        Path | None,
        typer.Option(
            "--images",
            metavar="FOLDER",
            help="Image folder of COCO and Karpathy files, where it is not in its usual place.",
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option("--split", metavar="NAME", help="Part of the source, such as train or val2017. [default: all]"),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=1, help="Import at most this many rows.")
    ] = None,
    references: Annotated[
        bool,
        typer.Option(
            "--references",
            metavar="PATH",
            help="One row for each picture with all its captions as references, for evaluation sets.",
        ),
    ] = False,
    max_side: Annotated[
        int | None,
        typer.Option("--max-side", metavar="PIXELS", min=16, help="Shrink pictures to this longest side, in pixels."),
    ] = None,
    shard_rows: ShardRows = 1000,
    config: ConfigFile = None,
    overrides: Overrides = None,
    dry_run: DryRun = False,
) -> None:
    """Import images and captions into a pair store.

    A picture or caption that cannot be used becomes a row with its reason; nothing is dropped silently.
    """
    from pairsmith.pairs.importers import import_pairs
    from pairsmith.pairs.importers.importing import ImportSettings

    given: dict[str, Any] = {"format": format.value}
    given |= {"split": split, "limit": limit, "max_side": max_side}
    base = {key: value for key, value in given.items() if value is not None}
    if references:
        base["captions"] = "references"
    settings = command_settings(ImportSettings, base, config, overrides, dry_run)
    options = settings.to_dict()
    kind = options.pop("format")
    with open_display() as display, display.stage("import"):
        store = import_pairs(
            source, out, kind, images=images, shard_rows=shard_rows, progress=display.rows("import"), **options
        )
    say(f"{out}: {counts_sentence(store.counts())}")


def export_command(
    store: Store,
    format: Annotated[
        ExportFormat,
        typer.Option(
            "--format",
            help="webdataset: tars as img2dataset writes them; parquet: a Hugging Face data set with its card; "
            "llava: LLaVA's JSON and images; coco: COCO captions and images.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="PATH", help="Folder to write; must be new or empty.")],
    config: ConfigFile = None,
    overrides: Overrides = None,
    dry_run: DryRun = False,
) -> None:
    """Export a pair store for other programs.

    Only rows of status "ok" go out. Settings of the formats, for --set and --config: webdataset has
    samples_per_tar; parquet has title, licence, split and file_bytes; llava has prompts and seed; coco has split.
    """
    from pairsmith.pairs.exporters import EXPORTERS, export_pairs

    settings = command_settings(EXPORTERS[format.value][0], {}, config, overrides, dry_run)
    with open_display() as display, display.stage("export"):
        meter = display.rows("export")
        folder = export_pairs(store, out, format.value, progress=meter, **settings.to_dict())
    say(f"Exported to {folder}")


def verify_command(store: Store) -> None:
    """Check that a store is whole and unchanged.

    Every shard is hashed anew and compared with the manifest; scores, embeddings and selections are read through.
    Exit code 0: every row that the manifest names is there and unchanged; 2: something is missing or broken, and named.
    """
    from pairsmith.errors import InputError
    from pairsmith.pairs.verify import verify

    report = verify(store)
    for problem in report.problems:
        say(str(problem))
    if not report.ok:
        how = f"run `pairsmith repair {store}`, then the command that made it again"
        if all(problem.kind == "damaged" for problem in report.grave):
            how = "its rows are whole; delete the files named as damaged, and run the commands that made them again"
        raise InputError(f"{store} is damaged ({plural(len(report.problems), 'problem')}): {how}")
    state = "whole" if report.complete else "whole so far, but unfinished"
    say(f"{store}: {state}, {plural(report.rows, 'row')} in {plural(report.shards, 'shard')}")


def repair_command(
    store: Store,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Also take out shards that hold failed rows, to try them again.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what is broken; change nothing.")] = False,
) -> None:
    """Take broken shards out of a store.

    The command that made the store then makes exactly those again.
    """
    from pairsmith.errors import InputError
    from pairsmith.pairs.verify import repair, verify

    report = verify(store) if dry_run else repair(store, retry_failed)
    for problem in report.problems:
        say(str(problem))
    if dry_run:
        say(f"{store}: {plural(len(report.problems), 'problem')}")
        return
    after = verify(store)
    if not after.ok:
        left = after.grave[0]
        how = "delete that file and run the command that made it again"
        if left.kind != "damaged":
            how = "mend what the store was made from"
        raise InputError(f"{store}: {left} cannot be repaired; {how}")
    found = [problem for problem in report.problems if problem.kind != "foreign"]
    done = "cleaned" if found else "nothing to repair"
    if after.complete:
        say(f"{store}: {done}")
    elif after.shards == report.shards and not retry_failed:
        say(f"{store}: {done}, but it is unfinished: run the command that makes it again, it goes on where it stopped")
    else:
        say(f"{store}: broken shards are out; run the command that made it again, and it makes exactly those")


def counts_sentence(counts: dict[str, int]) -> str:
    """ "400 rows ok, 2 failed"."""
    others = [f"{count:,} {status}" for status, count in counts.items() if status != "ok" and count]
    if others:
        note("Rows that are not ok keep their reason in the column `reason`.")
    return ", ".join([f"{plural(counts['ok'], 'row')} ok", *others])
