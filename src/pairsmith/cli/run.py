"""`pairsmith run`: a whole recipe, from data to report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pairsmith.cli import run_synthvlm
from pairsmith.cli.headlines import headlines
from pairsmith.cli.options import ConfigFile, DryRun, Overrides, use_or_show
from pairsmith.cli.recipe_options import (
    FromScratch,
    RecipeDevice,
    RunFolder,
    Seeds,
    carry_out,
    recipe_overrides,
)

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
    out: RunFolder,
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
    seeds: Seeds = None,
    device: RecipeDevice = None,
    from_scratch: FromScratch = False,
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

    changes = recipe_overrides(overrides, seeds, device)
    settings = use_or_show(load_preset(preset, own_pairs=real is not None, file=config, overrides=changes), dry_run)
    if real is not None and not real.exists():
        raise FileNotFoundError(2, "no such file or folder", str(real))
    from pairsmith.recipes.synth2.recipe import run_synth2

    carry_out(
        lambda reporter: run_synth2(settings, out, real=real, from_scratch=from_scratch, reporter=reporter),
        out,
        headlines,
    )


run_synthvlm.register(recipes)
