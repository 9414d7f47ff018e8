"""`pairsmith train`: the group that the commands which train one model belong to."""

from __future__ import annotations

import typer

from pairsmith.cli import train_clip, train_generator, train_llava

commands = typer.Typer(
    help="Train a model on a pair store.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def register(app: typer.Typer) -> None:
    """Add the group with its commands."""
    for module in (train_clip, train_generator, train_llava):
        module.register(commands)
    app.add_typer(commands, name="train")
