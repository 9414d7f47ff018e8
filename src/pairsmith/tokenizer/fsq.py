"""Finite scalar quantisation: a few bounded numbers per token, each rounded to its own grid; no code can die."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from pairsmith.tokenizer.config import TokenizerConfig
from pairsmith.tokenizer.quantization import Quantized, Quantizer

_MARGIN = 1e-3  # the bound lies this share above the outermost level, so that it can be reached


class FSQQuantizer(Quantizer):
    """`code_dim` numbers are projected to one number per level, bounded, rounded, and projected back up.

    The id of a grid point is its mixed-radix number, the first level varying fastest. A codebook vector is the grid
    point (scaled to [-1, 1]) times a learned matrix, because 4 or 5 numbers are too few for what reads the codes.
    """

    radices: Tensor
    sizes: Tensor

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        if config.fsq_levels is None:
            raise ValueError("FSQ needs fsq_levels")
        levels = config.fsq_levels
        self.down = nn.Linear(config.code_dim, len(levels))
        self.up = nn.Linear(len(levels), config.code_dim, bias=False)
        # Derived from the settings: not part of the saved weights.
        self.register_buffer("sizes", torch.tensor(levels), persistent=False)  # [L]
        radices = [math.prod(levels[:index]) for index in range(len(levels))]
        self.register_buffer("radices", torch.tensor(radices), persistent=False)  # [L]

    @property
    def codebook(self) -> Tensor:
        with torch.autocast(self.up.weight.device.type, enabled=False):
            ids = torch.arange(int(self.sizes.prod()), device=self.sizes.device)
            return self.up(self.grid_points(ids))

    def grid_points(self, tokens: Tensor) -> Tensor:
        """Ids [...] -> grid points [..., L] float32 in [-1, 1]."""
        digits = tokens[..., None] // self.radices % self.sizes  # [..., L]
        return digits * 2.0 / (self.sizes - 1) - 1.0

    def token_of(self, points: Tensor) -> Tensor:
        """Grid points [..., L] in [-1, 1] -> ids [...] int64; points between grid points go to the nearest."""
        digits = ((points + 1.0) * (self.sizes - 1) / 2.0).round().long().clamp_min(0)
        return (torch.minimum(digits, self.sizes - 1) * self.radices).sum(-1)

    def _bounded(self, latents: Tensor) -> Tensor:
        """[..., D] -> [..., L] in about [-1, 1], float32; for an even number of levels 0 still lies on a level."""
        with torch.autocast(latents.device.type, enabled=False):
            values = self.down(latents.float())  # [..., L]
            half = (self.sizes - 1) * (1 + _MARGIN) / 2
            offset = torch.where(self.sizes % 2 == 0, 0.5, 0.0)
            shift = torch.atanh(offset / half)
            bounded = torch.tanh(values + shift) * half - offset  # [..., L], levels at whole numbers
            # Whole numbers run from -sizes//2 to (sizes-1)//2; to [-1, 1].
            return (bounded + self.sizes // 2) * 2.0 / (self.sizes - 1) - 1.0

    def tokenize(self, latents: Tensor) -> Tensor:
        return self.token_of(self._bounded(latents))

    def forward(self, latents: Tensor) -> Quantized:
        bounded = self._bounded(latents)  # [..., L]
        tokens = self.token_of(bounded)  # [...]
        # The looked-up vector carries the gradient of `up`; what is added is zero and carries that of the encoder.
        with torch.autocast(latents.device.type, enabled=False):
            path = functional.linear(bounded, self.up.weight.detach())  # [..., D]
        return Quantized(self.lookup(tokens) + (path - path.detach()), tokens, {})
