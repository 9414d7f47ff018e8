"""What a dual encoder is built from: open_clip's architecture, and how pictures are normalised and resized."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from pairsmith.settings import Settings

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class DualEncoderConfig(Settings):
    """An open_clip model and its picture transform."""

    architecture: dict[str, Any] = Field(
        description="open_clip's model_cfg (embed_dim, vision_cfg with image_size, text_cfg), or {name: NAME} of one "
        "that open_clip has, with what is to be different in it"
    )
    words: bool = Field(
        default=False,
        description="a tokenizer of whole words made from the training captions, instead of CLIP's 49,408 pieces of "
        "words: for small languages, whose embedding table would else be most of the model",
    )
    mean: tuple[float, float, float] = Field(default=IMAGENET_MEAN, description="of the pictures' channels, in 0..1")
    std: tuple[float, float, float] = Field(default=IMAGENET_STD, description="of the pictures' channels, in 0..1")
    interpolation: Literal["bilinear", "bicubic"] = Field(default="bilinear", description="of resizing")
