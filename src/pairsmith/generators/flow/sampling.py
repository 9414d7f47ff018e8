"""Draws latents by following the flow from noise to a picture, with diffusers' Euler scheduler.

A row's picture depends on its caption, its seed and the settings alone: its noise is drawn on the CPU from its own
seed, and rows are computed in blocks of one fixed size, since kernels may round differently for other shapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from pairsmith.errors import InputError
from pairsmith.generators.guidance import extra_weight, guided_logits
from pairsmith.generators.row_blocks import draw_in_blocks
from pairsmith.settings import Settings

if TYPE_CHECKING:
    from pairsmith.generators.flow.model import FlowGenerator


class FlowSamplingSettings(Settings):
    """How latents are drawn."""

    steps: int = Field(default=24, ge=1, description="Euler steps")
    guidance: float = Field(
        default=4.0, ge=0, description="null + s (caption - null), as diffusers counts it: 1 is without guidance"
    )
    shift: float = Field(
        default=1.0, gt=0, description="above 1: more steps at high noise; SD 3 takes 3 for its 128 x 128 latents"
    )
    block_rows: int = Field(
        default=16, ge=1, description="rows computed together; part of the settings, see the module's note"
    )


def sample_latents(
    model: FlowGenerator, text: Tensor, text_mask: Tensor, settings: FlowSamplingSettings, seeds: Sequence[int]
) -> Tensor:
    """Make the latents of one picture a row.

    Args:
        model: the generator; used in eval mode, its mode is restored.
        text: [B, L, text_dim] float features, L up to the model's max_text.
        text_mask: [B, L] bool, True for real text tokens.
        settings: how to draw.
        seeds: B seeds of 63 bits at most; equal caption, seed and settings give the same latents in any batch.

    Returns:
        [B, N, D] float32 on the model's device, near code vectors but not on them.

    Raises:
        InputError: the numbers of rows differ, or the latents are not finite.
    """
    blocks = draw_in_blocks(
        model,
        text,
        text_mask,
        seeds,
        settings.block_rows,
        lambda text, text_mask, seeds, _: _follow(model, text, text_mask, settings, _noise(model, seeds)),
    )
    if not blocks:
        return torch.zeros(0, model.config.num_tokens, model.config.code_dim, device=model.row_positions.device)
    latents = torch.cat(blocks)[: len(seeds)]
    if not bool(latents.isfinite().all()):
        raise InputError("the generator's latents are not finite numbers: its training diverged, use other weights")
    return latents


def _noise(model: FlowGenerator, seeds: Sequence[int]) -> Tensor:
    """[B, N, D] float32, each row from its own seed, drawn on the CPU and moved to the model's device."""
    shape = (model.config.num_tokens, model.config.code_dim)
    rows = [torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    return torch.stack(rows).to(model.row_positions.device)


def _follow(
    model: FlowGenerator, text: Tensor, text_mask: Tensor, settings: FlowSamplingSettings, latents: Tensor
) -> Tensor:
    # Imported here because it takes seconds, which training should not pay.
    from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler

    rows = len(latents)
    context = model.encode_text(text, text_mask)
    weight = extra_weight(settings.guidance, 0, 1, "diffusers")
    if weight:
        context = context.concatenate(model.null_context(rows, text.shape[1]))
    scheduler: Any = FlowMatchEulerDiscreteScheduler(shift=settings.shift)
    scheduler.set_timesteps(sigmas=np.linspace(1.0, 1 / settings.steps, settings.steps).tolist(), device=latents.device)
    for step, timestep in enumerate(scheduler.timesteps):
        levels = scheduler.sigmas[step].expand(rows)
        if weight:
            cond, null = model(latents.repeat(2, 1, 1), levels.repeat(2), context).chunk(2)
            velocity = guided_logits(cond, null, weight)
        else:
            velocity = model(latents, levels, context)
        latents = scheduler.step(velocity, timestep, latents, return_dict=False)[0]
    return latents
