"""`pairsmith train`: the group that the commands which train one model belong to."""

from __future__ import annotations

import typer

commands = typer.Typer(
    help="Train one model on pairs.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    from pairsmith.cli import train_llava

    train_llava.register(commands)
    app.add_typer(commands, name="train")
