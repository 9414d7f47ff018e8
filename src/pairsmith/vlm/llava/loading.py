"""Loads what a LLaVA is made of, or a whole one, from folders or the hub, always in float32."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import (
    MODEL_MAPPING,
    AutoConfig,
    AutoImageProcessor,
    AutoModelForCausalLM,
    AutoProcessor,
    AutoTokenizer,
    LlavaForConditionalGeneration,
    LlavaProcessor,
)
from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

from pairsmith.errors import InputError


@dataclass
class Parts:
    """What a LLaVA is made of.

    Attributes:
        vision_tower: `CLIPVisionModel`, `SiglipVisionModel` or one with their interface.
        language_model: a causal language model.
        hf_tokenizer: its tokenizer.
        image_mean, image_std: of the tower's pixels, by channel, for pixels in [0, 1].
    """

    vision_tower: Any
    language_model: Any
    hf_tokenizer: Any
    image_mean: tuple[float, ...] = tuple(OPENAI_CLIP_MEAN)
    image_std: tuple[float, ...] = tuple(OPENAI_CLIP_STD)


def load_parts(vision_tower: str | Path, language_model: str | Path) -> Parts:
    """Vision tower and language model by folder or hub id.

    Raises:
        InputError: one of them cannot be loaded.
    """
    tower, mean, std = load_vision_tower(vision_tower)
    try:
        lm = AutoModelForCausalLM.from_pretrained(language_model, dtype=torch.float32)
        hf_tokenizer = AutoTokenizer.from_pretrained(language_model)
    except (OSError, ValueError) as error:
        raise InputError(f"language model {language_model}: {_first_line(error)}") from error
    return Parts(tower, lm, hf_tokenizer, mean, std)


def load_vision_tower(source: str | Path) -> tuple[Any, tuple[float, ...], tuple[float, ...]]:
    """The picture side of a dual encoder, or a vision model alone; with its pixels' mean and standard deviation.

    Raises:
        InputError: it cannot be loaded, or has no vision model.
    """
    try:
        config = AutoConfig.from_pretrained(source)
        config = getattr(config, "vision_config", config)
        kind: Any = MODEL_MAPPING[type(config)]
        tower = kind.from_pretrained(source, config=config, dtype=torch.float32)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"vision tower {source}: {_first_line(error)}") from error
    if not hasattr(config, "patch_size") or not hasattr(config, "image_size"):
        raise InputError(f"vision tower {source}: this is no vision transformer with patches")
    try:
        pixels = AutoImageProcessor.from_pretrained(source)
        return tower, tuple(pixels.image_mean), tuple(pixels.image_std)
    except (OSError, ValueError) as error:
        raise InputError(f"vision tower {source}: its preprocessor_config.json: {_first_line(error)}") from error


def load_llava(source: str | Path) -> tuple[LlavaForConditionalGeneration, LlavaProcessor]:
    """A whole LLaVA and its processor.

    Raises:
        InputError: it cannot be loaded, or is another kind of model.
    """
    try:
        kind = AutoConfig.from_pretrained(source).model_type
        if kind != "llava":
            raise InputError(f"{source}: this is a model of type {kind}, not a LLaVA")
        model = LlavaForConditionalGeneration.from_pretrained(source, dtype=torch.float32)
        processor = AutoProcessor.from_pretrained(source)
    except (OSError, ValueError) as error:
        raise InputError(f"{source}: cannot be loaded as a LLaVA ({_first_line(error)})") from error
    return model.eval(), processor


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
