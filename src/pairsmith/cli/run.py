"""`pairsmith run`: a whole recipe, from data to report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pairsmith.cli.console import say
from pairsmith.cli.headlines import headlines
from pairsmith.cli.options import ConfigFile, Device, DryRun, Overrides, show_settings
from pairsmith.cli.progress import open_display
from pairsmith.cli.runtime import prepare_torch

recipes = typer.Typer(
    help="Run a whole recipe, from data to report.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(recipes, name="run")


@recipes.command("synth2")
def run_recipe_synth2(
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="PATH",
            help="Folder of the run. A run that was stopped goes on in it; one with other settings is refused.",
        ),
    ],
    preset: Annotated[
        str,
        typer.Option(
            "--preset",
            metavar="NAME",
            help="tiny: drawn scenes of 64 pixels, about ten minutes on two CPU cores; small: your pairs, one GPU, "
            "hours; paper: the published sizes, many accelerators.",
        ),
    ] = "tiny",
    real: Annotated[
        Path | None,
        typer.Option(
            "--real",
            metavar="PATH",
            help="Your own pairs instead of drawn scenes: anything that `pairsmith import` reads.",
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            "--seeds", metavar="N", min=1, help="VLMs trained for each arm, each with a seed of its own. [default: 1]"
        ),
    ] = None,
    device: Annotated[
        Device | None,
        typer.Option("--device", help="Where all models run; auto takes cuda where there is one.  [default: auto]"),
    ] = None,
    from_scratch: Annotated[
        bool,
        typer.Option(
            "--from-scratch",
            help="Train tokenizer and language model here even where trained ones ship with Pairsmith.",
        ),
    ] = False,
    config: ConfigFile = None,
    overrides: Overrides = None,
    dry_run: DryRun = False,
) -> None:
    """Run Synth²: what are synthetic pairs worth to a VLM?

    One VLM is trained on scarce real pairs, one on real and synthetic pairs, and they are compared. The run can be
    stopped at any time and goes on where it was when the same command is given again. It ends with OUT/report.html
    and OUT/metrics.json. Several GPUs train together when torchrun starts it:
    torchrun --nproc-per-node 8 --no-python pairsmith run synth2 --out OUT
    """
    from pairsmith.recipes.synth2.presets import load_preset

    changes = list(overrides or [])
    if seeds is not None:
        changes.append(f"seeds={seeds}")
    if device is not None:
        changes.append(f"device={device.value}")
    settings = load_preset(preset, own_pairs=real is not None, file=config, overrides=changes)
    if dry_run:
        show_settings(settings)
        return
    if real is not None and not real.exists():
        raise FileNotFoundError(2, "no such file or folder", str(real))
    prepare_torch()
    from pairsmith.evaluation.metrics_file import read_metrics
    from pairsmith.recipes.synth2.recipe import run_synth2
    from pairsmith.report import write_report
    from pairsmith.training.distributed import read_ranks

    if read_ranks().rank:  # of the processes of torchrun, the first one shows the run and writes its report
        run_synth2(settings, out, real=real, from_scratch=from_scratch)
        return
    with open_display() as display:
        metrics = run_synth2(settings, out, real=real, from_scratch=from_scratch, reporter=display)
        with display.stage("report"):
            page = write_report(out)
    for line in headlines(read_metrics(metrics)):
        say(line)
    say(f"Report:  {page}")
    say(f"Figures: {metrics}")
