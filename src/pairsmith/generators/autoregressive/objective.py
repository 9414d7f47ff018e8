"""The training objective: every token given the true ones before it (teacher forcing), and caption dropout.

Losses come as (sum, count), to be divided by the count of the whole global batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from pydantic import Field
from torch import Tensor

from pairsmith.generators.cross_entropy import code_losses
from pairsmith.generators.masking import draw_drops
from pairsmith.settings import Settings

if TYPE_CHECKING:
    from pairsmith.generators.autoregressive.model import AutoregressiveGenerator


class AutoregressiveSettings(Settings):
    """The objective; defaults are LlamaGen's."""

    caption_dropout: float = Field(default=0.1, ge=0, le=1, description="chance that a whole caption is left out")
    label_smoothing: float = Field(default=0.0, ge=0, lt=1, description="mass spread over all codes")


def autoregressive_loss(
    model: AutoregressiveGenerator,
    tokens: Tensor,
    text: Tensor,
    text_mask: Tensor,
    settings: AutoregressiveSettings,
    generator: torch.Generator,
) -> tuple[Tensor, int, dict[str, tuple[Tensor, int]]]:
    """Cross-entropy of all tokens, each given the caption and the tokens before it.

    Args:
        model: the generator.
        tokens: [B, N] int codes of real pictures.
        text: [B, L, text_dim] float features.
        text_mask: [B, L] bool, True for real text tokens.
        settings: the objective.
        generator: CPU generator of the caption dropout.

    Returns:
        The loss sum; the count to divide it by (all tokens); and parts to log, each as (detached sum, count):
        `cross_entropy` (without label smoothing) and `accuracy` over tokens, `captions_dropped` over rows.
    """
    tokens = tokens.long()
    drops = draw_drops(len(tokens), settings.caption_dropout, generator)
    context = model.encode_text(text, text_mask, drops.to(tokens.device))
    logits = model(model.shifted(tokens), context).flatten(0, 1)  # [B * N, K]
    losses, entropies = code_losses(logits, tokens.flatten(), settings.label_smoothing)
    count = tokens.numel()
    parts = {
        "cross_entropy": (entropies.detach().sum(), count),
        "accuracy": ((logits.detach().argmax(dim=-1) == tokens.flatten()).sum().float(), count),
        "captions_dropped": (drops.sum().float(), len(tokens)),
    }
    return losses.sum(), count, parts
