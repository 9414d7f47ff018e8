"""`pairsmith evaluate`: the group of its kinds, and the options that they share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

commands = typer.Typer(
    help="Measure captions, answers, pictures and models.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="PATH",
        help="Where to write the figures: a file that ends in .json, or a folder for metrics.json and the score of "
        "every item; settings and versions go beside them. [default: only print]",
    ),
]
AllowPartial = Annotated[
    bool, typer.Option("--allow-partial", help="Score only what has a prediction; without this, gaps are an error.")
]
Seed = Annotated[
    int,
    typer.Option(
        "--seed",
        metavar="N",
        min=0,
        help="Seed of the 1,000 resamples behind the 95 % intervals, and of episodes, splits and subsets where there "
        "are any.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    from pairsmith.cli import (
        evaluate_compositions,
        evaluate_encoders,
        evaluate_generators,
        evaluate_llava,
        evaluate_pictures,
        evaluate_scenes,
        evaluate_text,
    )

    for module in (
        evaluate_text,
        evaluate_pictures,
        evaluate_generators,
        evaluate_encoders,
        evaluate_compositions,
        evaluate_scenes,
        evaluate_llava,
    ):
        module.register(commands)
    app.add_typer(commands, name="evaluate")
