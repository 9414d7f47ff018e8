"""`pairsmith report`: the page of a run, or of a store of captions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pairsmith.cli.caption_options import Concepts
from pairsmith.cli.console import say


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("report")(report)


def report(
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="Folder of a run, finished or not, or of a store of captions.")
    ],
    concepts: Concepts = None,
) -> None:
    """Write the page of a run or caption store anew.

    It is made from the files in the folder; nothing is trained again.

    Of a run: OUT/report.html, with its figures, tables and examples; it needs no other file, and a run that is not
    finished has one too. Of a store of captions: OUT.html beside the folder, with what became of every row, and how
    evenly concepts are covered before and after rows were left out.
    """
    from pairsmith.cli.caption_files import is_store
    from pairsmith.errors import InputError
    from pairsmith.report import write_caption_report, write_report

    if is_store(out):
        from pairsmith.cli.caption_models import read_bank
        from pairsmith.pairs import PairStore

        folder = out.resolve()  # the page of "." has a name too
        page = out.with_name(f"{folder.name}.html") if out.name else folder.with_name(f"{folder.name}.html")
        say(f"Report: {write_caption_report(PairStore(out, partial=True), page, read_bank(concepts, None))}")
        return
    if concepts is not None:
        raise InputError("--concepts is for stores of captions")
    say(f"Report: {write_report(out)}")
