"""Tanh-gated cross-attention from text to media, placed before the frozen layers of the language model.

    text = text + tanh(a) * attention(norm(text), media) ;  text = text + tanh(b) * feed_forward(text)

Both gates start at 0, so an untrained VLM is the language model itself, to the bit. Media travel as an argument
(`MediaContext`), never as state of a module: forward passes are re-entrant and can be checkpointed.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from pairsmith.vlm.config import GatedAttentionConfig

KeysValues = tuple[Tensor, Tensor]  # keys and values of one block, each [B, H, M, dh]


@dataclass(frozen=True)
class MediaContext:
    """What the gated blocks attend to during one pass of the language model.

    Attributes:
        media: `[B, M, D]` from the resampler.
        allowed: `[B, T, M]` bool, which media each text position may see; None = all.
        projected: keys and values of every gated block by its index, computed once for a whole generation; None =
            each block projects the media itself (training).
    """

    media: Tensor
    allowed: Tensor | None = None
    projected: tuple[KeysValues, ...] | None = None

    def repeat(self, times: int) -> MediaContext:
        """Every row `times` times in a run (rows of a beam search)."""

        def spread(values: Tensor) -> Tensor:
            return values.repeat_interleave(times, 0)

        return MediaContext(
            spread(self.media),
            None if self.allowed is None else spread(self.allowed),
            None if self.projected is None else tuple((spread(key), spread(value)) for key, value in self.projected),
        )


def media_mask(text_time: Tensor, images: int, latents: int) -> Tensor:
    """Which media each text position sees when a text holds several images: those of the latest image before it.

    Args:
        text_time: `[B, T]` integers, how many images came before or at each position (0 = none yet).
        images: images a sample.
        latents: media vectors an image.

    Returns:
        `[B, T, images * latents]` bool.
    """
    index = torch.arange(1, images + 1, device=text_time.device).repeat_interleave(latents)  # [M]
    return text_time[..., None] == index


class CrossAttention(nn.Module):
    """Text queries, media keys and values; LayerNorm on the text alone (the resampler has normed the media)."""

    def __init__(self, config: GatedAttentionConfig, text_width: int, media_width: int) -> None:
        super().__init__()
        inner = config.heads * config.head_width
        self.heads = config.heads
        self.norm = nn.LayerNorm(text_width)
        self.query = nn.Linear(text_width, inner, bias=False)
        self.key_value = nn.Linear(media_width, 2 * inner, bias=False)
        self.output = nn.Linear(inner, text_width, bias=False)

    def project(self, media: Tensor) -> KeysValues:
        """Media `[B, M, D]` -> keys and values, each `[B, H, M, dh]`."""
        key, value = self.key_value(media).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return key, value

    def forward(self, text: Tensor, keys_values: KeysValues, allowed: Tensor | None) -> Tensor:
        """Text `[B, T, W]` -> update `[B, T, W]`; a row of `allowed` without any media gives exactly 0."""
        query = self.query(self.norm(text)).unflatten(-1, (self.heads, -1)).transpose(1, 2)  # [B, H, T, dh]
        if allowed is None:
            mixed = functional.scaled_dot_product_attention(query, *keys_values)  # [B, H, T, dh]
            return self.output(mixed.transpose(1, 2).flatten(2))
        # A softmax over nothing is NaN in some kernels: blind rows look at everything and are then set to 0.
        sees = allowed.any(-1, keepdim=True)  # [B, T, 1]
        mixed = functional.scaled_dot_product_attention(query, *keys_values, attn_mask=(allowed | ~sees)[:, None])
        update = self.output(mixed.transpose(1, 2).flatten(2))
        return torch.where(sees, update, torch.zeros_like(update))


class GatedBlock(nn.Module):
    """One gated cross-attention and one gated feed-forward.

    Args:
        config: sizes.
        index: which gated block this is, counted from 0 (selects its keys and values in a `MediaContext`).
        text_width: width of the language model.
        media_width: width of the media.
        dropout: on both branches.
    """

    def __init__(
        self, config: GatedAttentionConfig, index: int, text_width: int, media_width: int, dropout: float
    ) -> None:
        super().__init__()
        hidden = round(config.feed_forward_ratio * text_width)
        self.index = index
        self.attention = CrossAttention(config, text_width, media_width)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(text_width),
            nn.Linear(text_width, hidden, bias=False),
            nn.GELU(),
            nn.Linear(hidden, text_width, bias=False),
        )
        # One element each instead of a 0-d scalar: sharded training does not take 0-d parameters.
        self.attention_gate = nn.Parameter(torch.zeros(1))
        self.feed_forward_gate = nn.Parameter(torch.zeros(1))
        self.dropout = nn.Dropout(dropout)

    def forward(self, text: Tensor, context: MediaContext) -> Tensor:
        """Text `[B, T, W]` -> `[B, T, W]`, in the number type of the text."""
        if context.projected is None:
            keys_values = self.attention.project(context.media)
        else:
            keys_values = context.projected[self.index]
        hidden = text.to(self.attention_gate.dtype)  # the frozen model may run in a smaller type than this block
        update = self.attention(hidden, keys_values, context.allowed)
        hidden = hidden + self.attention_gate.tanh() * self.dropout(update)
        hidden = hidden + self.feed_forward_gate.tanh() * self.dropout(self.feed_forward(hidden))
        return hidden.to(text.dtype)
