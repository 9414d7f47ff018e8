"""`pairsmith plan polygen`: what the ensemble's pictures and dual encoders would take, generator by generator."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pairsmith.cli.console import duration, say, scaled, table
from pairsmith.cli.options import ConfigFile, DryRun, Overrides, use_or_show
from pairsmith.cli.plan import recipes

if TYPE_CHECKING:
    from pairsmith.recipes.polygen.plan import Plan


def register(app: typer.Typer) -> None:
    """Add the command of this module to `plan`."""
    recipes.command("polygen")(plan_recipe_polygen)


def plan_recipe_polygen(
    preset: Annotated[str, typer.Option("--preset", metavar="NAME", help="small or paper.")] = "paper",
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="PATH", help="Also write the figures: a file that ends in .json, or a folder."),
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
        typer.Option("--utilisation", metavar="SHARE", min=0.01, max=1.0, help="Share of the peak that is reached."),
    ] = 0.4,
    writer_parameters: Annotated[
        float, typer.Option("--writer-parameters", metavar="N", min=0, help="Of the model that writes captions.")
    ] = 7.24e9,
    editor_parameters: Annotated[
        float, typer.Option("--editor-parameters", metavar="N", min=0, help="Of the model that writes negatives.")
    ] = 8.03e9,
    prompt_tokens: Annotated[
        int, typer.Option("--prompt-tokens", metavar="N", min=0, help="Read for a caption or a negative.")
    ] = 70,
    caption_tokens: Annotated[
        int, typer.Option("--caption-tokens", metavar="N", min=1, help="Written for a caption or a negative.")
    ] = 25,
    picture_side: Annotated[
        int, typer.Option("--picture-side", metavar="PIXELS", min=16, help="Of a stored picture.")
    ] = 256,
    bits_per_pixel: Annotated[
        float, typer.Option("--bits-per-pixel", metavar="BITS", min=0.01, help="Of a stored JPEG.")
    ] = 1.5,
    tokens: Annotated[
        int, typer.Option("--tokens", metavar="N", min=1, help="Of a stored picture, 2 bytes each.")
    ] = 256,
    config: ConfigFile = None,
    overrides: Overrides = None,
    dry_run: DryRun = False,
) -> None:
    """Count what PolyGen would take.

    FLOPs of captions, of pictures by each generator and of dual encoders, days on stated devices, and storage of the
    pictures as files and as tokens. The models are built without memory for their weights.
    """
    from pairsmith.recipes.polygen.presets import load_preset

    settings = use_or_show(load_preset(preset, config, overrides or []), dry_run)
    from pairsmith.recipes.polygen.plan import Assumptions, plan_polygen
    from pairsmith.recipes.work import Devices

    name = "H100" if peak == 989.0 else f"device of {peak:g} TFLOP/s"
    assumed = Assumptions(
        writer_parameters=writer_parameters,
        editor_parameters=editor_parameters,
        prompt_tokens=prompt_tokens,
        caption_tokens=caption_tokens,
        picture_side=picture_side,
        bits_per_pixel=bits_per_pixel,
        tokens=tokens,
    )
    found = plan_polygen(settings, Devices(name, devices, peak * 1e12, utilisation), assumed)
    for line in plan_lines(found, preset, assumed.to_dict()):
        say(line)
    if out is not None:
        from pairsmith.cli.results import write_result

        for file in write_result(out, found.metrics(), {**settings.to_dict(), "assumptions": assumed.to_dict()}):
            say(f"Written: {file}")


def plan_lines(plan: Plan, preset: str, assumed: dict[str, float]) -> list[str]:
    """The plan as text."""
    hardware = plan.devices

    def time(flops: float) -> str:
        return duration(hardware.seconds(flops))

    lines = [f"PolyGen, preset {preset}: {plan.budget:,} pictures an arm, {len(plan.arms)} arms", ""]
    rows = [("a picture by", "pixels", "steps x passes", "text", "denoiser, a pass", "decoder", "FLOPs", "parameters")]
    for one in plan.drawn:
        work = one.work
        rows.append(
            (
                work.name,
                f"{work.width} x {work.height}",
                f"{work.steps} x {work.passes}",
                scaled(work.text, ""),
                scaled(work.denoiser, ""),
                scaled(work.decoder, ""),
                scaled(work.flops, ""),
                scaled(work.parameters, ""),
            )
        )
    lines += [*table(rows, right=tuple(range(1, 8))), ""]
    rows2: list[tuple[str, ...]] = [("pictures by", "pictures", "FLOPs", "time")]
    rows2 += [(one.name, f"{one.pictures:,}", scaled(one.flops, ""), time(one.flops)) for one in plan.drawn]
    rows2.append(("all", f"{plan.pictures:,}", scaled(plan.drawing_flops, ""), time(plan.drawing_flops)))
    lines += [*table(rows2, right=(1, 2, 3)), "A picture that several arms show is drawn once.", ""]
    rows3: list[tuple[str, ...]] = [
        ("the pictures of an arm alone", *(one.name for one in plan.drawn), "FLOPs", "time")
    ]
    for arm in plan.arms:
        flops = sum(one.alone.get(arm, 0) * one.work.flops for one in plan.drawn)
        rows3.append((arm, *(f"{one.alone.get(arm, 0):,}" for one in plan.drawn), scaled(flops, ""), time(flops)))
    lines += [*table(rows3, right=tuple(range(1, len(plan.drawn) + 3))), ""]
    training = plan.training
    rows4: list[tuple[str, ...]] = [("work", "how much", "FLOPs", "time")]
    rows4 += [
        ("captions", f"{plan.captions:,}", scaled(plan.caption_flops, ""), time(plan.caption_flops)),
        ("hard negatives", f"{plan.captions:,}", scaled(plan.negative_flops, ""), time(plan.negative_flops)),
        ("pictures", f"{plan.pictures:,}", scaled(plan.drawing_flops, ""), time(plan.drawing_flops)),
        (
            "dual encoders",
            f"{plan.runs} x {training.steps:,} steps",
            scaled(plan.training_flops, ""),
            time(plan.training_flops),
        ),
        ("all", "", scaled(plan.flops, ""), time(plan.flops)),
    ]
    lines += table(rows4, right=(1, 2, 3))
    lines += [
        f"One dual encoder: {scaled(training.trained, '')} parameters, {scaled(training.flops_per_step, '')} FLOPs a "
        f"step, {time(training.flops)} in all.",
        f"Time: {hardware.count} x {hardware.name} ({scaled(hardware.peak, 'FLOP/s')} dense bf16 each, data sheet) at "
        f"{hardware.utilisation:.0%} utilisation, an assumption; SynthCLIP's 0.9 s a picture of Stable Diffusion 1.5 "
        "on an A100 is 30 % of its peak (312 TFLOP/s) by this count.",
        f"Texts: {assumed['prompt_tokens']} tokens read and {assumed['caption_tokens']} written each, by models of "
        f"{scaled(assumed['writer_parameters'], '')} and {scaled(assumed['editor_parameters'], '')} parameters, "
        "2 FLOPs a parameter and token, each once; negatives by rules cost nothing here.",
        "",
        "Storage of the pictures",
    ]
    rows5: list[tuple[str, ...]] = [("what", "pictures", "pixels", "as tokens", "as JPEG", "as raw pixels")]
    stored = (int(assumed["picture_side"]),) * 2
    drawn = max(((one.work.width, one.work.height) for one in plan.drawn), key=math.prod)
    for sides in dict.fromkeys((stored, drawn)):
        larger = math.prod(sides) / math.prod(stored)
        for what, count, tokens in (
            ("drawn, each once", plan.pictures, scaled(plan.pictures * larger * plan.token_bytes, "B")),
            ("copies in the arms' stores", plan.copies, "none"),
        ):
            sizes = (scaled(count * larger * each, "B") for each in (plan.pixel_bytes, plan.raw_bytes))
            rows5.append((what, f"{count:,}", "{} x {}".format(*sides), tokens, *sizes))
    lines += table(rows5, right=(1, 2, 3, 4, 5))
    return [
        *lines,
        f"A picture of {assumed['picture_side']} pixels a side (SynthCLIP stores 256): {plan.token_bytes} bytes "
        f"of tokens, {plan.pixel_bytes:,.0f} of JPEG at {assumed['bits_per_pixel']:g} bits a pixel, "
        f"{plan.raw_bytes:,} raw.",
    ]
