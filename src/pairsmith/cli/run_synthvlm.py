"""`pairsmith run synthvlm`: curated captions, drawn pictures, selected pairs, and LLaVAs trained on them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pairsmith.cli.options import ConfigFile, DryRun, Overrides, use_or_show
from pairsmith.cli.recipe_options import RecipeDevice, RunFolder, Seeds, carry_out, recipe_overrides

if TYPE_CHECKING:
    from pairsmith.evaluation.metrics_file import Metric

_ARMS = {
    "selected": "the selected pairs",
    "random": "as many drawn pairs at random",
    "all": "all drawn pairs",
    "clip": "the top half by CLIPScore",
    "ssim": "the top half by SSIM",
    "real": "as many real pairs",
    "curated": "as many real pairs of curated captions",
}
_STAGES = {"stage_1": "after stage 1", "stage_2": "after stage 2"}


def register(recipes: typer.Typer) -> None:
    """Add the command to the group `run`."""
    recipes.command("synthvlm")(run_recipe_synthvlm)


def run_recipe_synthvlm(
    out: RunFolder,
    preset: Annotated[
        str,
        typer.Option(
            "--preset",
            metavar="NAME",
            help="tiny: drawn scenes of 64 pixels, under twenty minutes on two CPU cores; small: your pairs, "
            "SDXL-Turbo, one GPU; paper: SDXL at 1024 pixels and LLaVA-1.5 7B, many accelerators.",
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
    config: ConfigFile = None,
    overrides: Overrides = None,
    dry_run: DryRun = False,
) -> None:
    """Run SynthVLM: is it worth selecting drawn pairs?

    Captions are curated and drawn, the pairs scored, and LLaVAs trained on selected, random, all and real pairs. The
    run can be stopped at any time and goes on where it was when the same command is given again. It ends with
    OUT/report.html and OUT/metrics.json. Several GPUs train together when torchrun starts it:
    torchrun --nproc-per-node 8 --no-python pairsmith run synthvlm --out OUT
    """
    from pairsmith.recipes.synthvlm.presets import load_preset

    changes = recipe_overrides(overrides, seeds, device)
    settings = use_or_show(
        load_preset(preset, own_pairs=real is not None or dry_run, file=config, overrides=changes), dry_run
    )
    if real is not None and not real.exists():
        raise FileNotFoundError(2, "no such file or folder", str(real))
    from pairsmith.recipes.synthvlm.recipe import run_synthvlm

    carry_out(lambda reporter: run_synthvlm(settings, out, real=real, reporter=reporter), out, headlines)


def headlines(metrics: Mapping[str, Metric]) -> list[str]:
    """Lines for the end of a run; figures that the run does not have are left out."""
    lines = []
    for stage, when in _STAGES.items():
        for arm, label in _ARMS.items():
            metric = metrics.get(f"synthvlm.{arm}.{stage}.cider")
            if metric is not None:
                lines.append(f"CIDEr {when} {metric.value:5.1f}{_interval(metric)}  {label}")
        difference = metrics.get(f"synthvlm.selected_minus_random.{stage}.cider")
        if difference is not None:
            lines.append(f"Selected minus random {when}: {difference.value:+.1f} CIDEr{_interval(difference)}")
    return lines


def _interval(metric: Metric) -> str:
    return "" if metric.low is None else f" (95 % interval {metric.low:.1f} to {metric.high:.1f})"
