"""`pairsmith train generator`: a generator of any kind that is trained here, on pairs of captions and tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pairsmith.cli.options import ConfigFile, DryRun, Overrides, command_settings
from pairsmith.cli.progress import open_display
from pairsmith.cli.runtime import prepare_torch


def register(commands: typer.Typer) -> None:
    """Add the command of this module."""
    commands.command("generator")(train_generator_command)


def train_generator_command(
    pairs: Annotated[
        Path, typer.Argument(metavar="PAIRS", help="Folder of a store with captions and tokens (pairsmith tokenize).")
    ],
    tokenizer: Annotated[
        str, typer.Option("--tokenizer", metavar="MODEL", help="VQ tokenizer that made the tokens: folder or hub id.")
    ],
    language_model: Annotated[
        str,
        typer.Option(
            "--language-model",
            metavar="MODEL",
            help="Frozen language model whose features the generator reads: smollm2, a folder, or a hub id.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="FOLDER", help="Folder of the generator; a training that was stopped goes on."),
    ],
    kind: Annotated[
        str,
        typer.Option(
            "--kind",
            metavar="KIND",
            help="masked: all tokens at once, refined (Muse); flow: code vectors out of noise (rectified flow); "
            "autoregressive: token after token (LlamaGen).",
        ),
    ] = "masked",
    preset: Annotated[
        str,
        typer.Option(
            "--preset",
            metavar="NAME",
            help="tiny: drawn scenes, minutes on two CPU cores; small: one GPU, hours; paper: published sizes.",
        ),
    ] = "tiny",
    config: ConfigFile = None,
    overrides: Overrides = None,
    dry_run: DryRun = False,
) -> None:
    """Train a text-to-image generator on pairs of captions and tokens.

    Sizes that follow from tokenizer and language model are filled in. The folder serves `pairsmith render`.
    """
    from pairsmith.errors import InputError
    from pairsmith.stages.generator_kinds import generator_kind

    chosen = generator_kind(kind)
    if chosen.training is None:
        raise InputError(f"--kind {kind}: generators of this kind come trained; nothing trains them here")
    if preset not in chosen.training.presets:
        raise InputError(f"--preset {preset!r} is none of {', '.join(chosen.training.presets)}")
    settings = command_settings(chosen.training.settings, chosen.training.presets[preset], config, overrides, dry_run)
    prepare_torch()
    from pairsmith.cli.console import say
    from pairsmith.cli.drawing import text_encoder_of
    from pairsmith.pairs import PairStore
    from pairsmith.stages.train_generator import train_generator
    from pairsmith.tokenizer.model import VQTokenizer

    store = PairStore(pairs)
    codes = VQTokenizer.from_pretrained(tokenizer)
    make_encoder = text_encoder_of(language_model, "cpu")
    assert make_encoder is not None
    wanted = settings.to_dict()
    encoder = make_encoder(wanted["generator"]["max_text"], wanted["text_layer"])
    with open_display() as display, display.stage("generator"):
        model = train_generator(chosen, settings, store, codes, encoder, out, display.training("generator"))
    say(f"{out}: {model.KIND}, fingerprint {model.fingerprint()}")
