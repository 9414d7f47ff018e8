"""Which weights of a LLaVA are trained: the projector alone, the language model with it, or LoRA matrices beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import nn
from transformers import LlavaForConditionalGeneration
from transformers.modeling_layers import GradientCheckpointingLayer

from pairsmith.errors import InputError
from pairsmith.settings import Settings

Tuning = Literal["projector", "full", "lora"]
PROJECTOR = "model.multi_modal_projector."
VISION = "model.vision_tower."
_LORA = "lora_"


class LoraSettings(Settings):
    """Low-rank matrices beside every linear map of the language model's layers; the defaults are LLaVA-1.5's."""

    rank: int = 128
    alpha: int = 256  # the product is scaled by alpha / rank
    dropout: float = 0.05  # of their input


def add_lora(model: LlavaForConditionalGeneration, settings: LoraSettings, seed: int) -> None:
    """Put LoRA matrices into the language model; they change nothing until they are trained.

    Raises:
        InputError: `peft` is not installed.
    """
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise InputError("setting 'tuning': lora needs the package peft: pip install 'pairsmith[lora]'") from error
    lm = model.model.language_model
    targets = sorted({name.rsplit(".", 1)[-1] for name, module in lm.named_modules() if isinstance(module, nn.Linear)})
    config = LoraConfig(
        r=settings.rank, lora_alpha=settings.alpha, lora_dropout=settings.dropout, bias="none", target_modules=targets
    )
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model.model.language_model = get_peft_model(lm, config)


def merge_lora(model: LlavaForConditionalGeneration) -> None:
    """Add the matrices to the weights that they stand beside: what is left is an ordinary LLaVA."""
    lm: Any = model.model.language_model
    if hasattr(lm, "merge_and_unload"):
        model.model.language_model = lm.merge_and_unload()


def trained_names(model: LlavaForConditionalGeneration, tuning: Tuning) -> set[str]:
    """The names of the trained parameters, shared ones under each of their names. The vision tower is never trained."""
    names = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    if tuning == "full":
        return {name for name in names if not name.startswith(VISION)}
    return {name for name in names if name.startswith(PROJECTOR) or (tuning == "lora" and _LORA in name)}


def layers(model: LlavaForConditionalGeneration) -> Sequence[nn.Module]:
    """The transformer layers of tower and language model."""
    return [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]


def quieten_frozen(model: LlavaForConditionalGeneration, tuning: Tuning) -> None:
    """No dropout in what is not trained, while layers that recompute their activations go on doing so."""
    frozen: list[nn.Module] = [model.model.vision_tower]
    if tuning == "projector":
        frozen.append(model.model.language_model)
    for part in frozen:
        part.eval()
        for layer in part.modules():
            if isinstance(layer, GradientCheckpointingLayer) and getattr(layer, "gradient_checkpointing", False):
                layer.training = model.training  # of the layer alone: its dropouts have flags of their own
