"""What drawing a picture with a diffusion pipeline takes, counted on models of the meta device.

A picture costs its text once, the denoiser in every step (twice with guidance) and the decoder once. Guidance's other
text is the same for all pictures, and not counted. Matrix products, convolutions and attentions are counted; text
encoders cost 2 FLOPs a weight and token, their attention left out.
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
        width, height: pixels.
        steps: of denoising.
        passes: of the denoiser in a step: 2 with guidance.
        denoiser: of one pass.
        text, decoder: once a picture.
        parameters: of the denoiser.
        text_parameters, decoder_parameters: of the text encoders and of the decoder.
    """

    name: str
    width: int
    height: int
    steps: int
    passes: int
    denoiser: int
    text: int
    decoder: int
    parameters: int
    text_parameters: int
    decoder_parameters: int

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
        InputError: a pipeline of unknown sizes, or sides that are no multiples of 32 pixels.
    """
    sizes = pipeline_sizes(source)
    width, height = settings.width or sizes.side, settings.height or sizes.side
    if any(side % (4 * PIXELS_PER_LATENT) for side in (width, height)):
        raise InputError(f"generator {source}: work is counted for pictures whose sides are multiples of 32 pixels")
    guidance = sizes.guidance if settings.guidance is None else settings.guidance
    latent = (height // PIXELS_PER_LATENT, width // PIXELS_PER_LATENT)
    parameters, denoiser = _denoiser(sizes, latent)
    decoder_parameters, decoder = _decoder(latent)
    towers = [_text_tower(tower) for tower in sizes.text]
    return PictureWork(
        name=sizes.name,
        width=width,
        height=height,
        steps=settings.steps or sizes.steps,
        passes=2 if guidance > 1 else 1,
        denoiser=denoiser,
        text=sum(flops for _, flops in towers),
        decoder=decoder,
        parameters=parameters,
        text_parameters=sum(count for count, _ in towers),
        decoder_parameters=decoder_parameters,
    )


def denoiser_model(sizes: PipelineSizes) -> nn.Module:
    """The denoising network, on the meta device."""
    from diffusers import PixArtTransformer2DModel, UNet2DConditionModel

    with torch.device("meta"):
        kind: Any = UNet2DConditionModel if sizes.denoiser == "unet" else PixArtTransformer2DModel
        model: nn.Module = kind(**sizes.config)
    return model.eval().requires_grad_(False)


def _denoiser(sizes: PipelineSizes, latent: tuple[int, int]) -> tuple[int, int]:
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
            shape_only(1, 4, *latent),
            encoder_hidden_states=shape_only(1, tokens, width),
            timestep=shape_only(1),
            **extra,
        )
    )
    return count_parameters(model), flops


@lru_cache(maxsize=8)
def _decoder(latent: tuple[int, int]) -> tuple[int, int]:
    """Parameters, and FLOPs of decoding one picture."""
    from diffusers import AutoencoderKL

    with torch.device("meta"):
        model: Any = AutoencoderKL(**DECODER)
    model.eval().requires_grad_(False)
    return count_parameters(model.decoder), forward_flops(lambda: model.decode(shape_only(1, 4, *latent)))


def _text_tower(tower: TextTower) -> tuple[int, int]:
    """Parameters, and FLOPs of one text; the projection of its one pooled vector is too little to count."""
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, T5Config, T5EncoderModel

    with torch.device("meta"):
        model: nn.Module
        if tower.kind == "t5":
            model = T5EncoderModel(T5Config(**tower.config))
        else:
            kind: Any = CLIPTextModelWithProjection if tower.projected else CLIPTextModel
            model = kind(CLIPTextConfig(**tower.config))
    layers = (module for name, module in model.named_modules() if name != "text_projection")
    matrices = sum(module.weight.numel() for module in layers if isinstance(module, nn.Linear))
    return count_parameters(model), 2 * matrices * tower.tokens
