"""The training objective: rectified flow with logit-normal noise levels (Esser et al., 2024, §3.1), caption dropout.

Losses come as (sum, count), to be divided by the count of the whole global batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from pairsmith.generators.masking import draw_drops
from pairsmith.settings import Settings

if TYPE_CHECKING:
    from pairsmith.generators.flow.model import FlowGenerator


class FlowSettings(Settings):
    """The objective; defaults are those of SD 3."""

    level_mean: float = Field(default=0.0, description="of the normal variable whose sigmoid is the noise level")
    level_std: float = Field(default=1.0, gt=0, description="its standard deviation; larger: more extreme levels")
    caption_dropout: float = Field(default=0.1, ge=0, le=1, description="chance that a whole caption is left out")


def draw_levels(rows: int, settings: FlowSettings, generator: torch.Generator) -> Tensor:
    """Noise levels [rows] float32 in (0, 1) on the CPU, logit-normal."""
    return torch.sigmoid(settings.level_mean + settings.level_std * torch.randn(rows, generator=generator))


def flow_loss(
    model: FlowGenerator,
    tokens: Tensor,
    text: Tensor,
    text_mask: Tensor,
    settings: FlowSettings,
    generator: torch.Generator,
) -> tuple[Tensor, int, dict[str, tuple[Tensor, int]]]:
    """Squared error of the velocity; where codes are predicted, their cross-entropy.

    Args:
        model: the generator.
        tokens: [B, N] int codes of real pictures.
        text: [B, L, text_dim] float features.
        text_mask: [B, L] bool, True for real text tokens.
        settings: the objective.
        generator: CPU generator of noise levels, noise and caption dropout.

    Returns:
        The loss sum; the count to divide it by (all elements of the latents, or all codes); and parts to log, each as
        (detached sum, count): `error_low`, `error_high`, the loss at noise levels below and above 1/2;
        `captions_dropped` over rows.
    """
    clean = model.latents(tokens.long())  # [B, N, D]
    rows = len(clean)
    levels = draw_levels(rows, settings, generator)  # [B]
    noise = torch.randn(clean.shape, generator=generator).to(clean.device)
    drops = draw_drops(rows, settings.caption_dropout, generator)
    mixed = levels.to(clean.device)[:, None, None]
    noisy = (1 - mixed) * clean + mixed * noise

    context = model.encode_text(text, text_mask, drops.to(clean.device))
    if model.config.prediction == "codes":
        logits = model.code_logits(noisy, levels.to(clean.device), context)  # [B, N, K]
        errors = functional.cross_entropy(logits.mT, tokens.long(), reduction="none").sum(dim=1)  # [B]
        size = tokens.shape[1]
    else:
        velocity = model(noisy, levels.to(clean.device), context)
        errors = (velocity - (noise - clean)).square().flatten(1).sum(dim=1)  # [B]
        size = clean[0].numel()
    high = levels > 0.5
    parts = {
        "error_low": (errors.detach()[~high.to(errors.device)].sum(), int((~high).sum()) * size),
        "error_high": (errors.detach()[high.to(errors.device)].sum(), int(high.sum()) * size),
        "captions_dropped": (drops.sum().float(), rows),
    }
    return errors.sum(), rows * size, parts
