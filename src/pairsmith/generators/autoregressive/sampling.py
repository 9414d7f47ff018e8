"""Drawing token by token in raster order, each from the model's distribution given the caption and what is drawn.

A row's picture depends on its caption, its seed and the settings alone: its random numbers come from its own seed, one
a token, drawn on the CPU, and rows are computed in blocks of one fixed size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from pydantic import Field
from torch import Tensor

from pairsmith.errors import InputError
from pairsmith.generators.autoregressive.cache import KeyValueCache
from pairsmith.generators.categorical import draw_tokens
from pairsmith.generators.guidance import GuidanceFormula, GuidanceSchedule, extra_weight, guided_logits
from pairsmith.generators.row_blocks import draw_in_blocks
from pairsmith.settings import Settings

if TYPE_CHECKING:
    from pairsmith.generators.autoregressive.model import AutoregressiveGenerator


class AutoregressiveSamplingSettings(Settings):
    """How pictures are drawn; the defaults are those of LlamaGen's text-to-image program."""

    guidance: float = Field(default=7.5, ge=0, description="scale of `guidance_formula`")
    guidance_formula: GuidanceFormula = Field(
        default="diffusers", description="diffusers: null + s (cond - null), 1 is without guidance; muse: t = s - 1"
    )
    guidance_schedule: GuidanceSchedule = Field(
        default="constant", description="the same for all tokens, or a linear ramp from none at the first"
    )
    temperature: float = Field(default=1.0, gt=0, description="of the tokens' distribution")
    top_k: int | None = Field(default=1000, ge=1, description="draw among the k likeliest codes; null: all")
    top_p: float | None = Field(default=None, gt=0, le=1, description="draw among the likeliest codes of this mass")
    block_rows: int = Field(
        default=16, ge=1, description="rows computed together; part of the settings, see the module's note"
    )


def sample_raster(
    model: AutoregressiveGenerator,
    text: Tensor,
    text_mask: Tensor,
    settings: AutoregressiveSamplingSettings,
    seeds: Sequence[int],
    cached: bool = True,
) -> Tensor:
    """Make one picture a row, as tokens.

    Args:
        model: the generator; used in eval mode, its mode is restored.
        text: [B, L, text_dim] float features, L up to the model's max_text.
        text_mask: [B, L] bool, True for real text tokens.
        settings: how to draw.
        seeds: B seeds of 63 bits at most; equal caption, seed and settings give the same tokens in any batch.
        cached: keep the keys and values of earlier tokens. False computes them anew for every token: the same
            distribution, to be measured and checked against.

    Returns:
        [B, N] int64 codes in raster order, on the model's device.

    Raises:
        InputError: the numbers of rows differ, or the model's logits are not finite.
    """
    blocks = draw_in_blocks(
        model,
        text,
        text_mask,
        seeds,
        settings.block_rows,
        lambda text, text_mask, seeds, _: _draw_block(model, text, text_mask, settings, seeds, cached),
    )
    if not blocks:
        return torch.zeros(0, model.config.num_tokens, dtype=torch.int64, device=model.angles.device)
    return torch.cat(blocks)[: len(seeds)]


def _draw_block(
    model: AutoregressiveGenerator,
    text: Tensor,
    text_mask: Tensor,
    settings: AutoregressiveSamplingSettings,
    seeds: Sequence[int],
    cached: bool,
) -> Tensor:
    rows, num_tokens = len(seeds), model.config.num_tokens
    uniforms = [torch.rand(num_tokens, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    uniform = torch.stack(uniforms).to(text.device)  # [B, N]
    weights = [
        extra_weight(settings.guidance, place, num_tokens, settings.guidance_formula, settings.guidance_schedule)
        for place in range(num_tokens)
    ]
    context = model.encode_text(text, text_mask)
    copies = 1
    if any(weights):  # where a ramp has no weight yet the null rows run all the same: the cache needs their keys
        context, copies = context.concatenate(model.null_context(rows, text.shape[1])), 2
    cache = KeyValueCache(context, num_tokens) if cached else None
    inputs = torch.full((rows, 1), model.start_id, device=text.device)
    finite = torch.ones((), dtype=torch.bool, device=text.device)
    for place, weight in enumerate(weights):
        if cache is None:
            logits = model(inputs.repeat(copies, 1), context)[:, -1]  # [copies * B, K]
        else:
            logits = model.advance(inputs[:, -1:].repeat(copies, 1), cache)[:, -1]
        if copies == 2:
            cond, null = logits.chunk(2)
            logits = guided_logits(cond, null, weight)
        finite = finite & logits.isfinite().all()
        drawn = draw_tokens(logits, uniform[:, place], settings.temperature, settings.top_k, settings.top_p)  # [B]
        inputs = torch.cat((inputs, drawn[:, None]), dim=1)
    if not bool(finite):  # once a block, as it waits for the device
        raise InputError("the generator's logits are not finite numbers: its training diverged, use other weights")
    return inputs[:, 1:]
