"""`pairsmith report`: the page of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pairsmith.cli.console import say


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("report")(report)


def report(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of a run, finished or not.")],
) -> None:
    """Write the report of a run anew.

    OUT/report.html holds figures, tables and examples on one page that needs nothing beside it.
    """
    from pairsmith.report import write_report

    say(f"Report: {write_report(out)}")
