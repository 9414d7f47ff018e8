"""`pairsmith plan`: what a preset would take, before anything is spent on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pairsmith.cli import plan_synthvlm
from pairsmith.cli.console import duration, say, scaled, table
from pairsmith.cli.options import ConfigFile, DryRun, Overrides, command_settings

if TYPE_CHECKING:
    from pairsmith.recipes.synth2.plan import Part, Plan

recipes = typer.Typer(
    help="Count what a recipe would take; share out images.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_TOTALS = {"vlm": "VLM in all", "vlm_l_plus": "VLM in all with the ViT-L+ adapter"}
_MILLION_PAIRS = 1_000_000


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(recipes, name="plan")


@recipes.command("synth2")
def plan_recipe_synth2(
    preset: Annotated[str, typer.Option("--preset", metavar="NAME", help="tiny, small or paper.")] = "paper",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="PATH",
            help="Also write the parameter counts: a file that ends in .json, or a folder for metrics.json, "
            "settings.yaml and environment.json.",
        ),
    ] = None,
    devices: Annotated[
        int, typer.Option("--devices", metavar="N", min=1, help="Devices that days are stated for.")
    ] = 8,
    peak: Annotated[
        float,
        typer.Option("--peak", metavar="TFLOPS", min=1e-9, help="Dense bf16 TFLOP/s of one device; 989 is an H100's."),
    ] = 989.0,
    utilisation: Annotated[
        float,
        typer.Option(
            "--utilisation", metavar="SHARE", min=0.01, max=1.0, help="Share of the peak that training reaches."
        ),
    ] = 0.4,
    config: ConfigFile = None,
    overrides: Overrides = None,
    dry_run: DryRun = False,
) -> None:
    """Count what Synth² would take.

    Parameters of each part beside the paper's, published sizes, FLOPs, memory, storage and days. The models are built
    without memory for their weights, so this takes seconds on any machine.
    """
    from pairsmith.errors import InputError
    from pairsmith.recipes.synth2.presets import PRESETS
    from pairsmith.recipes.synth2.settings import Synth2Settings

    if preset not in PRESETS:
        raise InputError(f"there is no preset {preset!r}; there are {', '.join(PRESETS)}")
    settings = command_settings(Synth2Settings, PRESETS[preset].to_dict(), config, overrides, dry_run)
    from pairsmith.recipes.synth2.plan import plan_synth2
    from pairsmith.recipes.work import Devices

    name = "H100" if peak == 989.0 else f"device of {peak:g} TFLOP/s"
    found = plan_synth2(settings, Devices(name, devices, peak * 1e12, utilisation))
    for line in plan_lines(found, preset):
        say(line)
    if out is not None:
        _write(out, found, settings.to_dict())


def plan_lines(plan: Plan, preset: str) -> list[str]:
    """The plan as text."""
    lines = [f"Synth², preset {preset}", "", "Parameters"]
    rows = [("part", "ours", "paper", "")]
    rows += [_part_row(part, part.name) for part in plan.parts]
    rows += [_part_row(part, _TOTALS[part.name]) for part in plan.totals]
    lines += table(rows, right=(1, 2))
    lines += ["The VLM in all is everything but the tokenizer's decoder and the generator.", "", "Published sizes"]
    checks = [("setting", "paper", "ours", "same?", "where")]
    checks += [(c.name, _value(c.paper), _value(c.ours), "yes" if c.same else "no", c.where) for c in plan.checks]
    lines += table(checks, right=(1, 2))
    same = sum(check.same for check in plan.checks)
    lines += [f"{same} of {len(plan.checks)} are the same.", "", "Work"]
    hardware = plan.devices
    work = [("training of", "FLOPs a step", "steps", "FLOPs in all", "time")]
    work += [
        (s.name, scaled(s.flops_per_step, ""), f"{s.steps:,}", scaled(s.flops, ""), duration(hardware.seconds(s.flops)))
        for s in plan.stages
    ]
    total = sum(stage.flops for stage in plan.stages)
    work.append(("all", "", "", scaled(total, ""), duration(hardware.seconds(total))))
    lines += table(work, right=(1, 2, 3, 4))
    lines += [f"{stage.name}: {stage.detail}." for stage in plan.stages]
    lines += [
        f"Time: {hardware.count} x {hardware.name} ({scaled(hardware.peak, 'FLOP/s')} dense bf16 each, data sheet) at "
        f"{hardware.utilisation:.0%} utilisation, an assumption.",
        "FLOPs: a multiplication with an addition counts two; a trained network costs three forward passes, the frozen",
        "language model inside the VLM two. Real pictures come as tokens. Not counted: discriminator, perceptual net,",
        "optimiser, evaluation.",
        "",
        "Memory on one device, float32, without activations",
    ]
    memory: list[tuple[str, ...]] = [("training of", "weights", "gradients", "AdamW states", "sum")]
    memory += [
        (s.name, *(scaled(b, "B") for b in s.memory.values()), scaled(sum(s.memory.values()), "B")) for s in plan.stages
    ]
    lines += table(memory, right=(1, 2, 3, 4))
    return [*lines, "", "Storage of synthetic pictures", *_storage(plan)]


def _storage(plan: Plan) -> list[str]:
    ratio = plan.pixel_bytes / plan.token_bytes
    rows = [("pairs", "as tokens", "as raw pixels")]
    for count in dict.fromkeys((plan.captions, _MILLION_PAIRS)):
        rows.append((f"{count:,}", scaled(count * plan.token_bytes, "B"), scaled(count * plan.pixel_bytes, "B")))
    return [
        *table(rows, right=(0, 1, 2)),
        f"A picture is {plan.token_bytes} bytes of tokens or {plan.pixel_bytes:,} bytes of raw 8-bit pixels, "
        f"{ratio:,.0f} times as many.",
    ]


def _part_row(part: Part, name: str) -> tuple[str, str, str, str]:
    if part.paper is None:
        return name, scaled(part.parameters, ""), "-", ""
    difference = f"{part.parameters / part.paper - 1:+.1%}"
    return name, scaled(part.parameters, ""), scaled(part.paper, ""), f"{difference}; {part.source}"


def _value(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _write(out: Path, plan: Plan, settings: dict[str, Any]) -> None:
    from pairsmith.cli.results import write_result

    for file in write_result(out, plan.metrics(), settings):
        say(f"Written: {file}")


plan_synthvlm.register(recipes)
