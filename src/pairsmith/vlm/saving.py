"""A VLM as a folder: `config.json`, `model.safetensors` (trainable weights and codebook table) and the language model.

The language model is the largest part and never changes, so it is named, not copied, where it has a name on the hub;
otherwise it lies beside in `language_model/`. Fingerprints of the language model and of the tokenizer are kept, because
a VLM with another language model, or fed with another tokenizer's tokens, would run and talk nonsense.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModelForCausalLM

from pairsmith.errors import InputError
from pairsmith.fingerprints import language_model_fingerprint
from pairsmith.model_folder import (
    CONFIG_FILE,
    WEIGHTS_FILE,
    check_settings,
    find_folder,
    read_values,
    read_weights,
    save_folder,
)
from pairsmith.vlm.config import VLMConfig
from pairsmith.vlm.model import PixelTokenizer, VisionLanguageModel

if TYPE_CHECKING:
    from torch import Tensor

KIND = "a VLM"
MARKS = {"format_version": 1, "kind": "vlm"}  # in `config.json`
LM_FOLDER = "language_model"
_KEYS = (
    "config",
    "language_model",
    "language_model_dtype",
    "language_model_fingerprint",
    "tokenizer_fingerprint",
)


def trainable_state(model: VisionLanguageModel) -> dict[str, Tensor]:
    """Name -> tensor of all trainable weights and of the codebook table: all that a VLM adds to its language model."""
    state = {group.name: group.parameter.detach() for group in model.trainable_parameters()}
    return {**state, "codebook": model.codebook}


def load_trainable_state(model: VisionLanguageModel, state: dict[str, Tensor], source: str = "state") -> None:
    """Sets what `trainable_state` gave.

    Args:
        model: changed in place.
        state: exactly the tensors that the model has.
        source: where they come from, for error messages.

    Raises:
        InputError: a tensor is missing, left over or of another shape.
    """
    own = trainable_state(model)
    different = sorted(set(own) ^ set(state)) or [name for name in own if own[name].shape != state[name].shape]
    if different:
        raise InputError(f"{source}: weight {different[0]!r} does not fit this VLM ({len(different)} such weights)")
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(state[name])


def save_vlm(model: VisionLanguageModel, folder: Path, language_model: str | None = None) -> None:
    """Writes a VLM; the language model first, the configuration last.

    Args:
        model: on any device.
        folder: made when absent.
        language_model: hub name or folder to load the language model from again; None = its hub name, or a copy in
            `folder/language_model` when it has none.
    """
    lm = model.language_model.original
    if language_model is None:
        name = lm.name_or_path
        if name and not Path(name).exists():
            language_model = name
        else:
            lm.save_pretrained(folder / LM_FOLDER)
            language_model = LM_FOLDER
    fingerprint = model.tokenizer_fingerprint if model.tokenizer is None else model.tokenizer.fingerprint()
    description = {
        **MARKS,
        "config": model.config.to_dict(),
        "language_model": language_model,
        "language_model_dtype": str(lm.dtype).removeprefix("torch."),
        "language_model_fingerprint": language_model_fingerprint(lm),
        "tokenizer_fingerprint": fingerprint,
    }
    save_folder(folder, description, trainable_state(model))


def load_vlm(
    source: str | Path, *, lm: Any | None = None, tokenizer: PixelTokenizer | None = None
) -> VisionLanguageModel:
    """Reads what `save_vlm` wrote.

    Args:
        source: a folder, or the name of a hub repository.
        lm: the language model when it is at hand; None = load the one that was named or saved.
        tokenizer: for pixel input; must be the one that the VLM was trained with.

    Returns:
        The VLM on the CPU (or the device of `lm`), in eval mode.

    Raises:
        InputError: not a VLM folder, damaged files, or another language model or tokenizer than it was trained with.
    """
    folder = find_folder(source, None, KIND, (CONFIG_FILE, WEIGHTS_FILE, f"{LM_FOLDER}/*"))
    description = read_values(folder, KIND, MARKS)
    missing = set(_KEYS) - set(description)
    if missing:
        raise InputError(f"{folder / CONFIG_FILE}: has no {min(missing)!r}; copy the folder again")
    config = check_settings(folder, VLMConfig, description["config"])
    state = read_weights(folder)
    if lm is None:
        reference = description["language_model"]
        local = folder / LM_FOLDER if reference == LM_FOLDER else reference
        lm = AutoModelForCausalLM.from_pretrained(local, dtype=getattr(torch, description["language_model_dtype"]))
    if language_model_fingerprint(lm) != description["language_model_fingerprint"]:
        raise InputError(
            f"{folder}: trained with another language model than the one given: load {description['language_model']!r}"
        )
    fingerprint = description["tokenizer_fingerprint"]
    if tokenizer is not None and fingerprint not in (None, tokenizer.fingerprint()):
        raise InputError(
            f"{folder}: trained with tokenizer {fingerprint}, not {tokenizer.fingerprint()}: give it the right one"
        )
    codebook = torch.zeros(config.codebook_size, config.code_dim)  # replaced by the saved table
    model = VisionLanguageModel(config, lm, codebook, tokenizer, tokenizer_fingerprint=fingerprint)
    load_trainable_state(model, state, str(folder / WEIGHTS_FILE))
    return model.to(lm.device).eval()
