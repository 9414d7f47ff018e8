"""`pairsmith train clip`: a dual encoder, on pictures and captions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pairsmith.cli.console import say
from pairsmith.cli.options import ConfigFile, DryRun, Overrides, command_settings
from pairsmith.cli.progress import open_display
from pairsmith.cli.runtime import prepare_torch
from pairsmith.cli.stores import Store


def register(commands: typer.Typer) -> None:
    """Add the command of this module."""
    commands.command("clip")(train_clip)


def train_clip(
    store: Store,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="FOLDER",
            help="Folder of the run. A run that was stopped goes on in it; the model is written to OUT/model.",
        ),
    ],
    preset: Annotated[
        str,
        typer.Option(
            "--preset",
            metavar="NAME",
            help="tiny: pictures of 64 pixels, minutes on one core; synthclip: ViT-B/16 as SynthCLIP; paper: the same "
            "with four pictures a caption, and hard negatives with pictures.",
        ),
    ] = "tiny",
    config: ConfigFile = None,
    overrides: Overrides = None,
    dry_run: DryRun = False,
) -> None:
    """Train a dual encoder (CLIP) on pictures and captions.

    Captions may have several pictures (views) and hard negatives: as texts (loss.negatives=texts) or with pictures of
    their own (loss.negatives=images), which the curriculum brings together with their captions. OUT/model loads in
    open_clip and CLIP_benchmark as local-dir:OUT/model, and in `pairsmith evaluate`. Several GPUs: start it with
    torchrun and --set training.parallel=ddp.
    """
    from pairsmith.training.clip.presets import preset as preset_settings
    from pairsmith.training.clip.settings import ClipSettings

    settings = command_settings(ClipSettings, preset_settings(preset).to_dict(), config, overrides, dry_run)
    prepare_torch()
    from pairsmith.pairs import PairStore
    from pairsmith.training import read_ranks
    from pairsmith.training.clip.run import MODEL_FOLDER, train_dual_encoder

    rows = PairStore(store)
    with open_display() as display, display.stage("train clip"):
        result = train_dual_encoder(rows, settings, out, progress=display.training("clip"))
    if read_ranks().rank == 0:
        say(f"Steps: {result.step:,}, loss {result.history[-1]['loss']:.4g}")
        say(f"Model: {out / MODEL_FOLDER}")
