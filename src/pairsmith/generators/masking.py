"""The training objective: hide some tokens, predict them, count the loss on the hidden ones only.

Losses come as (sum, count), to be divided by the count of the whole global batch: a mean of means would weigh
accumulation steps and ranks wrongly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from pydantic import Field
from torch import Tensor

from pairsmith.generators.cross_entropy import code_losses
from pairsmith.generators.schedules import Schedule, mask_ratio
from pairsmith.settings import Settings

if TYPE_CHECKING:
    from pairsmith.generators.model import MaskedGenerator


class MaskingSettings(Settings):
    """The masked-token objective; Synth² §3.2.1 names only the cosine schedule, the rest follows Muse and MaskGIT."""

    schedule: Schedule = Field(
        default="cosine", description="curve of the mask ratio at a uniform random progress; §3.2.1"
    )
    min_ratio: float = Field(
        default=0.0, ge=0, le=1, description="least share of masked tokens; MaskGIT's code uses 0.5"
    )
    caption_dropout: float = Field(
        default=0.1, ge=0, le=1, description="chance that a whole caption is left out; Muse §2.7"
    )
    label_smoothing: float = Field(default=0.1, ge=0, lt=1, description="mass spread over all codes; MaskGIT 0.1")
    normalisation: Literal["per-token", "per-row"] = Field(
        default="per-token", description="every masked token weighs the same, or every picture does (MaskGIT)"
    )


def draw_mask(rows: int, num_tokens: int, settings: MaskingSettings, generator: torch.Generator) -> Tensor:
    """Which tokens to hide: for each row a ratio from the schedule, then exactly that many random positions.

    Returns:
        [rows, num_tokens] bool on the CPU; row sums are clamp(round(num_tokens * ratio), 1, num_tokens).
    """
    ratio = mask_ratio(torch.rand(rows, generator=generator), settings.schedule).clamp(min=settings.min_ratio)
    counts = (ratio * num_tokens).round().clamp(1, num_tokens)  # [rows]
    ranks = torch.rand(rows, num_tokens, generator=generator).argsort(dim=1).argsort(dim=1)
    return ranks < counts[:, None]


def draw_drops(rows: int, probability: float, generator: torch.Generator) -> Tensor:
    """Which captions to leave out, whole: [rows] bool on the CPU, True with the given probability."""
    return torch.rand(rows, generator=generator) < probability


def masked_loss(
    model: MaskedGenerator,
    tokens: Tensor,
    text: Tensor,
    text_mask: Tensor,
    settings: MaskingSettings,
    generator: torch.Generator,
) -> tuple[Tensor, int, dict[str, tuple[Tensor, int]]]:
    """Cross-entropy of hidden tokens given the others and the caption.

    Args:
        model: the generator; its forward runs the output head only at hidden positions.
        tokens: [B, N] int codes of real pictures.
        text: [B, L, text_dim] float features.
        text_mask: [B, L] bool, True for real text tokens.
        settings: the objective.
        generator: CPU generator of the masks and of the caption dropout.

    Returns:
        The loss sum; the count to divide it by (hidden tokens, or rows when normalised per row); and parts to log, each
        as (detached sum, count): `cross_entropy` (without label smoothing) and `accuracy` on hidden tokens,
        `mask_ratio` over all tokens, `captions_dropped` over rows.
    """
    rows, num_tokens = tokens.shape
    mask = draw_mask(rows, num_tokens, settings, generator)  # [B, N] on the CPU, so that counts need no device sync
    drops = draw_drops(rows, settings.caption_dropout, generator)
    positions = mask.flatten().nonzero().squeeze(1).to(tokens.device)  # [P]
    hidden_tokens = tokens.flatten()[positions].long()  # [P]
    inputs = tokens.long().masked_fill(mask.to(tokens.device), model.mask_id)

    context = model.encode_text(text, text_mask, drops.to(tokens.device))
    logits = model(inputs, context, positions)  # [P, K]
    losses, entropies = code_losses(logits, hidden_tokens, settings.label_smoothing)  # [P]

    masked = int(mask.sum())
    if settings.normalisation == "per-row":
        weights = 1 / mask.sum(dim=1, dtype=torch.float32)  # [B]
        loss, count = (losses * weights.to(losses.device)[positions // num_tokens]).sum(), rows
    else:
        loss, count = losses.sum(), masked
    correct = (logits.detach().argmax(dim=-1) == hidden_tokens).sum().float()
    parts = {
        "cross_entropy": (entropies.detach().sum(), masked),
        "accuracy": (correct, masked),
        "mask_ratio": (torch.tensor(float(masked)), mask.numel()),
        "captions_dropped": (drops.sum().float(), rows),
    }
    return loss, count, parts
