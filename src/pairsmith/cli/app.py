"""The program's entrance: its commands, and what holds for all of them."""

from __future__ import annotations

import logging
from typing import Annotated

import typer

import pairsmith
from pairsmith.cli import (
    captions,
    combining,
    comparing,
    decoder,
    diversity,
    evaluate,
    filtering,
    images,
    negative_rows,
    negatives,
    plan,
    plan_images,
    plan_polygen,
    report,
    run,
    run_polygen,
    scoring,
    selecting,
    stores,
    train,
)
from pairsmith.cli.console import StandardErrorHandler
from pairsmith.cli.errors import GuardedGroup
from pairsmith.cli.runtime import quieten

app = typer.Typer(
    cls=GuardedGroup,
    name="pairsmith",
    help="Make image-text pairs with generative models, train vision-language models on them, and measure what the "
    "pairs are worth.",
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help: it can be read aloud, piped and searched
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pairsmith {pairsmith.__version__}")
        raise typer.Exit


@app.callback()
def begin(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and stop.")
    ] = False,
) -> None:
    """What every command does first."""
    quieten()
    logger = logging.getLogger("pairsmith")
    if not any(isinstance(handler, StandardErrorHandler) for handler in logger.handlers):
        logger.addHandler(StandardErrorHandler(logging.WARNING))


for module in (
    run,
    run_polygen,
    plan,
    plan_polygen,
    plan_images,
    captions,
    negatives,
    negative_rows,
    filtering,
    diversity,
    images,
    decoder,
    scoring,
    selecting,
    comparing,
    train,
    evaluate,
    stores,
    combining,
    report,
):
    module.register(app)


def main() -> None:
    """Run the command that the arguments name; ends the process with its exit code."""
    app()
