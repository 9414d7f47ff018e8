"""`pairsmith run polygen`: an ensemble of generators and hard negatives for a dual encoder, from captions to report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from pairsmith.cli.options import ConfigFile, DryRun, Overrides, use_or_show
from pairsmith.cli.recipe_options import (
    AtOnce,
    FromScratch,
    RecipeDevice,
    RunFolder,
    Seeds,
    carry_out,
    recipe_overrides,
    trainings_at_once,
)
from pairsmith.cli.run import recipes

if TYPE_CHECKING:
    from pairsmith.evaluation.metrics_file import Metric


def register(app: typer.Typer) -> None:
    """Add the command of this module to `run`."""
    recipes.command("polygen")(run_recipe_polygen)


def run_recipe_polygen(
    out: RunFolder,
    preset: Annotated[
        str,
        typer.Option(
            "--preset",
            metavar="NAME",
            help="tiny: drawn scenes of 64 pixels, half an hour on two CPU cores; small: two diffusion pipelines, one "
            "GPU, days; paper: 30 million pictures by four generators.",
        ),
    ] = "tiny",
    seeds: Seeds = None,
    device: RecipeDevice = None,
    at_once: AtOnce = None,
    from_scratch: FromScratch = False,
    config: ConfigFile = None,
    overrides: Overrides = None,
    dry_run: DryRun = False,
) -> None:
    """Run PolyGen: what are many generators worth to a CLIP?

    One budget of pictures is spent on many captions drawn once by each single generator, on fewer captions drawn by
    all of them, and on these and their hard negatives; a CLIP is trained on each and measured. The run can be stopped
    at any time and goes on where it was when the same command is given again. It ends with OUT/report.html and
    OUT/metrics.json.
    """
    from pairsmith.recipes.polygen.presets import load_preset

    settings = use_or_show(load_preset(preset, config, recipe_overrides(overrides, seeds, device)), dry_run)
    from pairsmith.recipes.polygen.recipe import run_polygen

    side_by_side = trainings_at_once(at_once, settings.device)
    carry_out(
        lambda reporter: run_polygen(settings, out, from_scratch=from_scratch, at_once=side_by_side, reporter=reporter),
        out,
        polygen_headlines,
    )


def polygen_headlines(metrics: Mapping[str, Metric]) -> list[str]:
    """Lines for the end of a run; figures that the run does not have are left out."""
    arms = dict.fromkeys(key.split(".")[1] for key in metrics if key.endswith(".delta_mtl") and key.count(".") == 2)
    lines = []
    for arm in arms:
        if arm in ("best_single", "curriculum"):
            continue
        delta = metrics[f"polygen.{arm}.delta_mtl"]
        line = f"Delta MTL {delta.value:+6.1f} %{_interval(delta)}"
        itt = metrics.get(f"polygen.{arm}.sugarcrepe_pp_itt")
        if itt is not None:
            line += f", SugarCrepe++ ITT {itt.value:5.1f}{_interval(itt)}"
        lines.append(f"{line}  {arm}")
    over = metrics.get("polygen.ensemble.over_best_single.delta_mtl")
    if over is not None:
        lines.append(f"Ensemble over the best single generator: {over.value:+.1f} %{_interval(over)}")
    return lines


def _interval(metric: Metric) -> str:
    return "" if metric.low is None else f" ({metric.low:.1f} to {metric.high:.1f})"
