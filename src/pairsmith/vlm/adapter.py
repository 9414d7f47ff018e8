"""The VQ adapter: codebook vectors of one image -> features that a resampler can use.

Codebook vectors are low-level and carry no position, so a ViT with learned row and column positions stands between
them and the Perceiver. Learned codebooks are also badly conditioned (a few colour directions dominate), hence
`normalise_codebook`, which changes the table once and so costs nothing per step.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from pairsmith.attention import SelfAttention
from pairsmith.vlm.config import AdapterConfig, CodebookNorm

VARIANCE_FLOOR = 1e-6  # share of the largest variance below which a direction counts as empty and is not blown up


def normalise_codebook(codebook: Tensor, norm: CodebookNorm) -> Tensor:
    """The table that the VLM looks tokens up in.

    Args:
        codebook: `[K, D]`, any floating type.
        norm: "none"; "layernorm" (every vector to mean 0, variance 1 over its D values); "standardize" (every dimension
            to mean 0, variance 1 over the K codes); "whiten" (principal components, each of variance 1; directions of
            less than a millionth of the largest variance are damped).

    Returns:
        `[K, D]` float32. Computed in float64 with a fixed sign of each component, so equal codebooks give equal tables.
    """
    vectors = codebook.detach().double()  # [K, D]
    if norm == "layernorm":
        vectors = functional.layer_norm(vectors, vectors.shape[-1:])
    elif norm == "standardize":
        variance = vectors.var(0, correction=0)
        vectors = (vectors - vectors.mean(0)) / (variance + _floor(variance)).sqrt()
    elif norm == "whiten":
        vectors = vectors - vectors.mean(0)
        variance, directions = torch.linalg.eigh(vectors.T @ vectors / len(vectors))  # [D], [D, D] columns
        largest = directions.gather(0, directions.abs().argmax(0, keepdim=True))  # [1, D]
        vectors = vectors @ (directions * largest.sign()) / (variance.clamp(min=0) + _floor(variance)).sqrt()
    return vectors.float()


def _floor(variance: Tensor) -> Tensor:
    return variance.amax() * VARIANCE_FLOOR + torch.finfo(torch.float32).tiny


class AdapterBlock(nn.Module):
    """One pre-LayerNorm ViT block."""

    def __init__(self, config: AdapterConfig, dropout: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.width)
        self.attention = SelfAttention(config.width, config.heads)
        self.mlp_norm = nn.LayerNorm(config.width)
        self.mlp = nn.Sequential(
            nn.Linear(config.width, config.mlp_width), nn.GELU(), nn.Linear(config.mlp_width, config.width)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Tensor) -> Tensor:
        features = features + self.dropout(self.attention(self.attention_norm(features)))
        return features + self.dropout(self.mlp(self.mlp_norm(features)))


class VQAdapter(nn.Module):
    """ViT over the codebook vectors of one image.

    Args:
        config: sizes.
        code_dim: channels of the codebook vectors.
        grid: tokens along one side of the square image.
        dropout: on residual branches.
    """

    def __init__(self, config: AdapterConfig, code_dim: int, grid: int, dropout: float) -> None:
        super().__init__()
        self.projection = nn.Linear(code_dim, config.width)
        self.row_positions = nn.Parameter(torch.randn(grid, 1, config.width) * 0.02)
        self.column_positions = nn.Parameter(torch.randn(1, grid, config.width) * 0.02)
        self.blocks = nn.ModuleList(AdapterBlock(config, dropout) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)

    def forward(self, vectors: Tensor) -> Tensor:
        """Codebook vectors `[B, N, C]` in raster order -> features `[B, N, width]`."""
        features = self.projection(vectors) + (self.row_positions + self.column_positions).flatten(0, 1)  # [B, N, D]
        for block in self.blocks:
            features = block(features)
        return self.norm(features)
