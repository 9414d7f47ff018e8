"""Sizes of published diffusion pipelines, written out, so that their work can be counted without a download.

Each entry holds what the model's own configuration on the hub holds; the parameters that it comes to are beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

_CROSS, _CROSS_UP = "CrossAttnDownBlock2D", "CrossAttnUpBlock2D"


@dataclass(frozen=True)
class TextTower:
    """A text encoder: CLIP's or T5's; `tokens` is what it reads, padding included; `projected`: its pooled text is."""

    kind: Literal["clip", "t5"]
    config: Mapping[str, Any]
    tokens: int = 77
    projected: bool = False


@dataclass(frozen=True)
class PipelineSizes:
    """A latent diffusion pipeline.

    Attributes:
        name: as people call it.
        sources: hub names with these sizes.
        denoiser: "unet" or "pixart", and its configuration.
        text: its text encoders.
        context: text tokens and width that the denoiser attends to.
        pooled: width of the pooled text and of its six sizes (SDXL), or None.
        default: steps, guidance and pixels a side where settings say nothing, from the model card.
        parameters: of the denoiser, as published or counted by its makers.
    """

    name: str
    sources: tuple[str, ...]
    denoiser: Literal["unet", "pixart"]
    config: Mapping[str, Any]
    text: tuple[TextTower, ...]
    context: tuple[int, int]
    pooled: int | None
    steps: int
    guidance: float
    side: int
    parameters: float


_CLIP_L = TextTower(
    "clip",
    {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12},
)
_CLIP_H = TextTower(
    "clip",
    {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 23, "num_attention_heads": 16},
)
_CLIP_BIG_G = TextTower(
    "clip",
    {
        "hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 20,
        "projection_dim": 1280,
    },
    projected=True,
)  # fmt: skip
_T5_XXL = TextTower(
    "t5",
    {
        "vocab_size": 32128, "d_model": 4096, "d_kv": 64, "d_ff": 10240, "num_layers": 24, "num_heads": 64,
        "feed_forward_proj": "gated-gelu",
    },
    tokens=120,
)  # fmt: skip
_SD = {
    "sample_size": 64,
    "block_out_channels": (320, 640, 1280, 1280),
    "down_block_types": (_CROSS, _CROSS, _CROSS, "DownBlock2D"),
    "up_block_types": ("UpBlock2D", _CROSS_UP, _CROSS_UP, _CROSS_UP),
}
_SDXL = {
    "sample_size": 128,
    "block_out_channels": (320, 640, 1280),
    "down_block_types": ("DownBlock2D", _CROSS, _CROSS),
    "up_block_types": (_CROSS_UP, _CROSS_UP, "UpBlock2D"),
    "transformer_layers_per_block": (1, 2, 10),
    "attention_head_dim": (5, 10, 20),
    "cross_attention_dim": 2048,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}

PIPELINES: tuple[PipelineSizes, ...] = (
    PipelineSizes(
        "Stable Diffusion 1.5",
        ("stable-diffusion-v1-5/stable-diffusion-v1-5", "runwayml/stable-diffusion-v1-5"),
        "unet",
        {**_SD, "cross_attention_dim": 768, "attention_head_dim": 8},
        (_CLIP_L,),
        (77, 768),
        None,
        50,
        7.5,
        512,
        859.5e6,
    ),
    PipelineSizes(
        "Stable Diffusion 2.1 (base)",
        ("stabilityai/stable-diffusion-2-1-base",),
        "unet",
        {**_SD, "cross_attention_dim": 1024, "attention_head_dim": (5, 10, 20, 20), "use_linear_projection": True},
        (_CLIP_H,),
        (77, 1024),
        None,
        50,
        7.5,
        512,
        865.9e6,
    ),
    PipelineSizes(
        "SDXL",
        ("stabilityai/stable-diffusion-xl-base-1.0",),
        "unet",
        _SDXL,
        (_CLIP_L, _CLIP_BIG_G),
        (77, 2048),
        1280,
        50,
        5.0,
        1024,
        2567.5e6,
    ),
    PipelineSizes(
        "SDXL-Turbo",
        ("stabilityai/sdxl-turbo",),
        "unet",
        _SDXL,
        (_CLIP_L, _CLIP_BIG_G),
        (77, 2048),
        1280,
        4,
        0.0,
        512,
        2567.5e6,
    ),
    PipelineSizes(
        "PixArt-α XL/2",
        ("PixArt-alpha/PixArt-XL-2-512x512",),
        "pixart",
        {
            "num_attention_heads": 16, "attention_head_dim": 72, "in_channels": 4, "out_channels": 8, "num_layers": 28,
            "cross_attention_dim": 1152, "caption_channels": 4096, "sample_size": 64, "patch_size": 2,
            "attention_bias": True, "activation_fn": "gelu-approximate", "num_embeds_ada_norm": 1000,
            "norm_type": "ada_norm_single", "norm_elementwise_affine": False, "norm_eps": 1e-6,
        },
        (_T5_XXL,),
        (120, 4096),
        None,
        20,
        4.5,
        512,
        610.9e6,
    ),
)  # fmt: skip

# The decoder of all of them: the variational autoencoder of Stable Diffusion and SDXL, one latent for 8 x 8 pixels.
DECODER: Mapping[str, Any] = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
    "latent_channels": 4,
}
PIXELS_PER_LATENT = 8
