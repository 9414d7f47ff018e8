"""Published networks by their sizes alone, built on the meta device: no weights, no memory, no download.

The sizes are those of the models' own config files; parameter counts are checked against the published ones in tests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from transformers import (
    CLIPTextConfig,
    CLIPTextModelWithProjection,
    CLIPVisionConfig,
    CLIPVisionModel,
    CLIPVisionModelWithProjection,
    LlamaConfig,
    LlamaForCausalLM,
    SiglipVisionConfig,
    SiglipVisionModel,
)

PROMPT_TOKENS = 77  # that CLIP's text encoders always read


def on_meta(make: Callable[[], Any]) -> Any:
    """A network without memory, for forward passes alone."""
    with torch.device("meta"):
        model = make()
    return model.requires_grad_(False).eval()


def clip_b_32() -> tuple[Any, Any]:
    """The picture and the text tower of OpenAI's CLIP ViT-B/32, which scores pairs."""
    vision = CLIPVisionConfig(
        hidden_size=768,
        intermediate_size=3072,
        num_hidden_layers=12,
        num_attention_heads=12,
        image_size=224,
        patch_size=32,
        projection_dim=512,
    )
    text = CLIPTextConfig(
        hidden_size=512, intermediate_size=2048, num_hidden_layers=12, num_attention_heads=8, projection_dim=512
    )
    return on_meta(lambda: CLIPVisionModelWithProjection(vision)), on_meta(lambda: CLIPTextModelWithProjection(text))


def _clip_l_336() -> nn.Module:
    return CLIPVisionModel(
        CLIPVisionConfig(
            hidden_size=1024,
            intermediate_size=4096,
            num_hidden_layers=24,
            num_attention_heads=16,
            image_size=336,
            patch_size=14,
        )
    )


def _siglip_b_224() -> nn.Module:
    return SiglipVisionModel(
        SiglipVisionConfig(
            hidden_size=768,
            intermediate_size=3072,
            num_hidden_layers=12,
            num_attention_heads=12,
            image_size=224,
            patch_size=16,
        )
    )


def _llama(width: int, mlp: int, depth: int, heads: int, keys: int, words: int, tied: bool) -> Callable[[], nn.Module]:
    return lambda: LlamaForCausalLM(
        LlamaConfig(
            hidden_size=width,
            intermediate_size=mlp,
            num_hidden_layers=depth,
            num_attention_heads=heads,
            num_key_value_heads=keys,
            vocab_size=words,
            tie_word_embeddings=tied,
        )
    )


VISION_TOWERS: dict[str, Callable[[], nn.Module]] = {
    "openai/clip-vit-large-patch14-336": _clip_l_336,
    "google/siglip-base-patch16-224": _siglip_b_224,
}
LANGUAGE_MODELS: dict[str, Callable[[], nn.Module]] = {
    "lmsys/vicuna-7b-v1.5": _llama(4096, 11008, 32, 32, 32, 32000, False),
    "lmsys/vicuna-13b-v1.5": _llama(5120, 13824, 40, 40, 40, 32000, False),
    "HuggingFaceTB/SmolLM2-360M-Instruct": _llama(960, 2560, 32, 15, 5, 49152, True),
}
