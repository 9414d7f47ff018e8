"""`pairsmith plan synthvlm`: GPU-hours, storage and cost of drawing, scoring and training, with the sums shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pairsmith.cli.console import say, scaled, table
from pairsmith.cli.options import ConfigFile, DryRun, Overrides, use_or_show

if TYPE_CHECKING:
    from pairsmith.recipes.synthvlm.plan import SynthvlmPlan


def register(recipes: typer.Typer) -> None:
    """Add the command to the group `plan`."""
    recipes.command("synthvlm")(plan_recipe_synthvlm)


def plan_recipe_synthvlm(
    preset: Annotated[str, typer.Option("--preset", metavar="NAME", help="small or paper.")] = "paper",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="PATH",
            help="Also write the totals: a file that ends in .json, or a folder for metrics.json, settings.yaml and "
            "environment.json.",
        ),
    ] = None,
    captions: Annotated[
        int, typer.Option("--captions", metavar="N", min=1, help="Curated captions to draw.")
    ] = 1_000_000,
    peak: Annotated[
        float,
        typer.Option("--peak", metavar="TFLOPS", min=1e-9, help="Dense bf16 TFLOP/s of one device; 989 is an H100's."),
    ] = 989.0,
    drawing: Annotated[
        float,
        typer.Option("--drawing", metavar="SHARE", min=0.01, max=1.0, help="Share of the peak that drawing reaches."),
    ] = 0.3,
    training: Annotated[
        float,
        typer.Option("--training", metavar="SHARE", min=0.01, max=1.0, help="Share of the peak that training reaches."),
    ] = 0.4,
    price: Annotated[float, typer.Option("--price", metavar="MONEY", min=0.0, help="Of one GPU-hour.")] = 2.5,
    assume: Annotated[
        list[str] | None,
        typer.Option(
            "--assume",
            metavar="NAME=VALUE",
            help="Another assumption, by its name in what the plan prints; repeat for more.",
        ),
    ] = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    dry_run: DryRun = False,
) -> None:
    """Count what SynthVLM would take.

    GPU-hours, storage and cost of drawing every curated caption, of scoring, and of both stages of every LLaVA, with
    the sums shown. The networks are built without memory for their weights, so this takes seconds on any machine.
    """
    from pairsmith.errors import InputError
    from pairsmith.recipes.synthvlm.plan import Assumptions, plan_synthvlm
    from pairsmith.recipes.synthvlm.presets import PRESETS, load_preset
    from pairsmith.settings import load_settings

    if preset == "tiny":
        raise InputError("the preset tiny ends in minutes on two cores, which is no matter for a plan: small or paper")
    if preset not in PRESETS:
        raise InputError(f"there is no preset {preset!r}; there are {', '.join(PRESETS)}")
    settings = use_or_show(load_preset(preset, own_pairs=True, file=config, overrides=overrides or []), dry_run)
    given = {"captions": captions, "peak": peak * 1e12, "drawing": drawing, "training": training, "price": price}
    found = plan_synthvlm(settings, load_settings(Assumptions, given, None, assume or []))
    for line in plan_lines(found, preset):
        say(line)
    if out is not None:
        from pairsmith.cli.results import write_result

        about = {**settings.to_dict(), "assumptions": found.assumptions.to_dict()}
        for file in write_result(out, found.metrics(), about):
            say(f"Written: {file}")


def plan_lines(plan: SynthvlmPlan, preset: str) -> list[str]:
    """The plan as text."""
    assumed = plan.assumptions
    rows = [("network", "parameters", "FLOPs of a forward pass", "of")]
    rows += [(name, scaled(count, ""), scaled(flops, ""), of) for name, count, flops, of in plan.parts]
    lines = [f"SynthVLM, preset {preset}", "", "Networks", *table(rows, right=(1, 2)), "", "Work"]
    work = [("work", "FLOPs", "GPU-hours", "times", "GPU-hours in all", "cost")]
    work += [
        (
            one.name,
            scaled(one.flops, ""),
            f"{one.hours:,.1f}",
            str(one.repeated),
            f"{one.hours * one.repeated:,.1f}",
            f"{one.hours * one.repeated * assumed.price:,.0f}",
        )
        for one in plan.work
    ]
    work.append(("all", "", "", "", f"{plan.hours:,.1f}", f"{plan.cost:,.0f}"))
    lines += [*table(work, right=(1, 2, 3, 4, 5)), "", "Sums"]
    lines += [f"{one.name}: {one.sum}" for one in plan.work]
    lines += [
        f"GPU-hours: FLOPs / ({assumed.peak / 1e12:g} T x {assumed.drawing:.0%} for drawing, {assumed.training:.0%} in "
        "training) / 3600; scoring by its rate.",
        f"Cost: GPU-hours x {assumed.price:g}. A training is repeated for every arm and seed.",
        "",
        "Storage",
    ]
    stored = [("what", "sum", "size")]
    stored += [(name, told, scaled(size, "B")) for name, told, size in plan.storage]
    stored.append(("all", "", scaled(sum(size for _, _, size in plan.storage), "B")))
    lines += [*table(stored, right=(2,)), "", "Assumptions, for --assume"]
    described = type(assumed).model_fields
    values = [("name", "value", "")]
    values += [(name, f"{value:g}" if isinstance(value, float) else f"{value:,}", str(described[name].description))
               for name, value in assumed]  # fmt: skip
    lines += table(values, right=(1,))
    return [
        *lines,
        "FLOPs: a multiplication with an addition counts two. Guidance costs two passes a step; a trained network",
        "three forward passes, a frozen one that gradients pass through two, and one more where layers are recomputed.",
        "Not counted: filters by language models, the original pictures, evaluation, optimiser, pictures read again.",
    ]
