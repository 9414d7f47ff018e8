"""What a run needs and may not have, asked before any work begins: its language model, the perceptual net's weights."""

from __future__ import annotations

from pathlib import Path

from transformers import AutoConfig

from pairsmith.captions.causal_model import CausalModel
from pairsmith.errors import InputError
from pairsmith.model_folder import CONFIG_FILE
from pairsmith.recipes.synth2.settings import PAPERS_LANGUAGE_MODEL, Synth2Settings
from pairsmith.tokenizer.perceptual import check_weights


def check_requirements(settings: Synth2Settings, out: Path, own_pairs: bool) -> None:
    """
    Raises:
        InputError: as the two checks.
    """
    check_language_model(settings, own_pairs)
    if not (out / "models" / "tokenizer" / CONFIG_FILE).is_file():  # a trained one needs its losses no more
        check_perceptual_weights(settings)


def check_language_model(settings: Synth2Settings, own_pairs: bool) -> None:
    """Whether the language model that the settings name can be had.

    Raises:
        InputError: the paper's, which nobody can load; that of scenes for own pairs; or no model under this name.
    """
    source = settings.language_model.source
    if source == PAPERS_LANGUAGE_MODEL:
        raise InputError(
            f"setting 'language_model.source': {source} is the paper's language model, which was never released; take "
            "another with --set language_model.source=NAME, a folder or hub id of any causal language model"
        )
    if source == "scenes":
        if own_pairs:
            raise InputError(
                "setting 'language_model.source': 'scenes' is for scenes; own pairs need a language model, such as "
                "--set language_model.source=smollm2"
            )
        if settings.language_model_training is None:
            raise InputError("setting 'language_model_training' is needed to train the scenes' language model")
    elif source == "smollm2":
        CausalModel.smollm2()
    else:
        try:
            AutoConfig.from_pretrained(source)
        except (OSError, ValueError) as error:
            raise InputError(f"setting 'language_model.source': {source}: {str(error).splitlines()[0]}") from error


def check_perceptual_weights(settings: Synth2Settings) -> None:
    """Whether the perceptual net of the tokenizer's losses, where there is one, has its weights.

    Raises:
        InputError: the file is not there; it is named, and what to do.
    """
    losses = settings.tokenizer.losses
    if losses.perceptual != "none" and losses.perceptual_weight:
        check_weights(losses.perceptual)
