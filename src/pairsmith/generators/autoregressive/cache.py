"""Keys and values of all tokens so far, of every block: what one more token costs is then one token's work."""

from __future__ import annotations

import torch
from torch import Tensor

from pairsmith.generators.conditioning import TextContext


class KeyValueCache:
    """Room for a caption and a whole picture, filled up to `length`.

    Args:
        context: keys and values of the captions, which come first.
        num_tokens: of the picture.

    Attributes:
        length: keys written so far, the caption's among them.
        prefix: the caption's keys, padding among them.
    """

    def __init__(self, context: TextContext, num_tokens: int) -> None:
        layers, rows, heads, self.length, width = context.keys.shape
        self.prefix = self.length
        shape = (2, layers, rows, heads, self.length + num_tokens, width)
        self._room = context.keys.new_empty(shape)
        self._room[0, ..., : self.length, :] = context.keys
        self._room[1, ..., : self.length, :] = context.values
        self._mask = torch.cat((context.mask, context.mask.new_ones(rows, num_tokens)), dim=1)  # [B, S + N]

    def extend(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Write [B, H, T, Dh] of the newest tokens of a block; returns all of that block, [B, H, length + T, Dh]."""
        end = self.length + keys.shape[2]
        self._room[0, layer, :, :, self.length : end] = keys
        self._room[1, layer, :, :, self.length : end] = values
        return self._room[0, layer, :, :, :end], self._room[1, layer, :, :, :end]

    def advance(self, tokens: int) -> None:
        """After all blocks have written `tokens` tokens."""
        self.length += tokens

    def mask(self, tokens: int) -> Tensor:
        """What the next `tokens` tokens may attend to: [B, 1, tokens, length + tokens] bool."""
        end = self.length + tokens
        causal = torch.ones(tokens, end, dtype=torch.bool, device=self._mask.device).tril(self.length)
        return causal & self._mask[:, None, None, :end]
