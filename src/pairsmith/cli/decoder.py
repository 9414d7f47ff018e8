"""`pairsmith finetune-decoder`: sharper pictures from the same tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pairsmith.cli.images import TokenizerSource
from pairsmith.cli.options import ConfigFile, Device, DeviceOption, DryRun, Overrides, command_settings
from pairsmith.cli.progress import open_display
from pairsmith.cli.runtime import pick_device, prepare_torch
from pairsmith.cli.stores import Store


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("finetune-decoder")(finetune_decoder_command)


def finetune_decoder_command(
    store: Store,
    tokenizer: TokenizerSource,
    out: Annotated[
        Path,
        typer.Option(
            "--out", metavar="FOLDER", help="Folder of the new tokenizer; a training that was stopped goes on in it."
        ),
    ],
    device: DeviceOption = Device.auto,
    config: ConfigFile = None,
    overrides: Overrides = None,
    dry_run: DryRun = False,
) -> None:
    """Train a larger decoder for a tokenizer.

    It learns from the pictures of the store. Encoder and codebook stay as they are, so tokens, and all models that
    read or draw them, go with the new tokenizer too: give it to `pairsmith render --tokenizer` for sharper pictures.
    The defaults are the sizes of Synth²'s finetuned decoder.
    """
    from pairsmith.stages.decoder import DecoderSettings, finetune_decoder

    settings = command_settings(DecoderSettings, DecoderSettings().to_dict(), config, overrides, dry_run)
    prepare_torch()
    from pairsmith.cli.console import plural, say
    from pairsmith.pairs import PairStore
    from pairsmith.tokenizer.model import VQTokenizer

    training = settings.training.model_copy(update={"device": pick_device(device.value)})
    settings = settings.model_copy(update={"training": training})
    pictures = PairStore(store)
    model = VQTokenizer.from_pretrained(tokenizer)
    with open_display() as display, display.stage("decoder"):
        finetune_decoder(model, pictures, settings, out, progress=display.training("decoder"))
    blocks = plural(settings.blocks, "block")
    say(f"{out}: decoder of {settings.channels} channels and {blocks} at each resolution, same tokens")
