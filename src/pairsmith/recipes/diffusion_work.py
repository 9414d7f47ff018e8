"""What drawing a picture with a diffusion pipeline takes, counted on models of the meta device.

A picture costs its text once, the denoiser in every step (twice with guidance) and the decoder once. Matrix products,
convolutions and attentions are counted; text encoders cost 2 FLOPs a weight and token, their attention left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import nn

from pairsmith.errors import InputError
from pairsmith.generators.diffusers.settings import DiffusersSettings
from pairsmith.recipes.diffusion_models import DECODER, PIPELINES, PIXELS_PER_LATENT, PipelineSizes, TextTower
from pairsmith.recipes.work import count_parameters, forward_flops, shape_only


@dataclass(frozen=True)
class PictureWork:
    """FLOPs of one picture.

    Attributes:
        name: of the pipeline.
        side: pixels.
        steps: of denoising.
        passes: of the denoiser in a step: 2 with guidance.
        denoiser: of one pass.
        text, decoder: once a picture.
        parameters: of the denoiser.
    """

    name: str
    side: int
    steps: int
    passes: int
    denoiser: int
    text: int
    decoder: int
    parameters: int

    @property
    def flops(self) -> int:
        """All of it."""
        return self.text + self.steps * self.passes * self.denoiser + self.decoder


def pipeline_sizes(source: str) -> PipelineSizes:
    """The sizes of a pipeline by its hub name.

    Raises:
        InputError: they are not written down here.
    """
    found = next((sizes for sizes in PIPELINES if source in sizes.sources), None)
    if found is None:
        known = ", ".join(name for sizes in PIPELINES for name in sizes.sources)
        raise InputError(
            f"generator {source}: its sizes are not known, so its cost cannot be counted; known are {known}"
        )
    return found


def picture_work(source: str, settings: DiffusersSettings) -> PictureWork:
    """The work of one picture of a pipeline with these settings.

    Raises:
        InputError: a pipeline of unknown sizes, or pictures that are not square or no multiple of 8 pixels.
    """
    sizes = pipeline_sizes(source)
    side = settings.width or sizes.side
    if settings.height not in (None, side) or side % (4 * PIXELS_PER_LATENT):
        raise InputError(f"generator {source}: work is counted for square pictures of a multiple of 32 pixels")
    guidance = sizes.guidance if settings.guidance is None else settings.guidance
    latent = side // PIXELS_PER_LATENT
    model, denoiser = _denoiser(sizes, latent)
    return PictureWork(
        name=sizes.name,
        side=side,
        steps=settings.steps or sizes.steps,
        passes=2 if guidance > 1 else 1,
        denoiser=denoiser,
        text=sum(_text_flops(tower) for tower in sizes.text),
        decoder=_decoder_flops(latent),
        parameters=model,
    )


def denoiser_model(sizes: PipelineSizes) -> nn.Module:
    """The denoising network, on the meta device."""
    from diffusers import PixArtTransformer2DModel, UNet2DConditionModel

    with torch.device("meta"):
        kind: Any = UNet2DConditionModel if sizes.denoiser == "unet" else PixArtTransformer2DModel
        model: nn.Module = kind(**sizes.config)
    return model.eval().requires_grad_(False)


def _denoiser(sizes: PipelineSizes, latent: int) -> tuple[int, int]:
    """Parameters, and FLOPs of one pass over one picture."""
    model: Any = denoiser_model(sizes)
    tokens, width = sizes.context
    extra: dict[str, Any] = {}
    if sizes.pooled is not None:
        extra["added_cond_kwargs"] = {"text_embeds": shape_only(1, sizes.pooled), "time_ids": shape_only(1, 6)}
    elif sizes.denoiser == "pixart":
        extra["added_cond_kwargs"] = {"resolution": None, "aspect_ratio": None}
    flops = forward_flops(
        lambda: model(
            shape_only(1, 4, latent, latent),
            encoder_hidden_states=shape_only(1, tokens, width),
            timestep=shape_only(1),
            **extra,
        )
    )
    return count_parameters(model), flops


@lru_cache(maxsize=8)
def _decoder_flops(latent: int) -> int:
    from diffusers import AutoencoderKL

    with torch.device("meta"):
        model: Any = AutoencoderKL(**DECODER)
    model.eval().requires_grad_(False)
    return forward_flops(lambda: model.decode(shape_only(1, 4, latent, latent)))


def _text_flops(tower: TextTower) -> int:
    from transformers import CLIPTextConfig, CLIPTextModel, T5Config, T5EncoderModel

    with torch.device("meta"):
        model = (
            CLIPTextModel(CLIPTextConfig(**tower.config))
            if tower.kind == "clip"
            else T5EncoderModel(T5Config(**tower.config))
        )
    matrices = sum(module.weight.numel() for module in model.modules() if isinstance(module, nn.Linear))
    return 2 * matrices * tower.tokens
