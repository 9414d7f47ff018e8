"""Options that every recipe's command has, and how a recipe is run from the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pairsmith.cli.console import say
from pairsmith.cli.options import Device
from pairsmith.cli.progress import open_display
from pairsmith.cli.runtime import pick_device, prepare_torch
from pairsmith.cores import usable_cores

if TYPE_CHECKING:
    from pairsmith.evaluation.metrics_file import Metric
    from pairsmith.recipes.reporter import Reporter

RunFolder = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="PATH",
        help="Folder of the run. A run that was stopped goes on in it; one with other settings is refused.",
    ),
]
Seeds = Annotated[
    int | None,
    typer.Option(
        "--seeds",
        metavar="N",
        min=1,
        help="Models trained for each arm, each with a seed of its own.  [default: as the preset says]",
    ),
]
RecipeDevice = Annotated[
    Device | None,
    typer.Option("--device", help="Where all models run; auto takes cuda where there is one.  [default: auto]"),
]
AtOnce = Annotated[
    int | None,
    typer.Option(
        "--at-once",
        metavar="N",
        min=1,
        help="Models trained at a time, each by a process with its share of the cores, or with a GPU in turn.  "
        "[default: on the CPU one a core, else 1]",
    ),
]
FromScratch = Annotated[
    bool,
    typer.Option("--from-scratch", help="Train here what comes trained with Pairsmith for the built-in scenes."),
]


def recipe_overrides(overrides: Sequence[str] | None, seeds: int | None, device: Device | None) -> list[str]:
    """`--set` items, with those that have an option of their own."""
    changes = list(overrides or [])
    if seeds is not None:
        changes.append(f"seeds={seeds}")
    if device is not None:
        changes.append(f"device={device.value}")
    return changes


def trainings_at_once(wanted: int | None, device: str) -> int:
    """`--at-once`, or as many trainings as suit the machine: one a core on the CPU, else one.

    Args:
        wanted: by the user; None: not said.
        device: of the recipe's settings.

    Raises:
        InputError: as `pick_device`.
    """
    from pairsmith.training.distributed import read_ranks

    if wanted is not None:
        return wanted
    return usable_cores() if read_ranks().world == 1 and pick_device(device) == "cpu" else 1


def carry_out(
    run: Callable[[Reporter | None], Path], out: Path, headlines: Callable[[Mapping[str, Metric]], Sequence[str]]
) -> None:
    """Run a recipe, write its report and say what it found.

    Args:
        run: the recipe; returns the path of its `metrics.json`.
        out: the run's folder.
        headlines: a few lines of its figures.
    """
    prepare_torch()
    from pairsmith.evaluation.metrics_file import read_metrics
    from pairsmith.report import write_report
    from pairsmith.training.distributed import read_ranks

    if read_ranks().rank:  # of the processes of torchrun, the first one shows the run and writes its report
        run(None)
        return
    with open_display() as display:
        metrics = run(display)
        with display.stage("report"):
            page = write_report(out)
    for line in headlines(read_metrics(metrics)):
        say(line)
    say(f"Report:  {page}")
    say(f"Figures: {metrics}")
