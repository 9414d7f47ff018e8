"""The Perceiver resampler: any number of image features -> a fixed, small number of media vectors (Synth² Table 7).

Each layer lets the latents attend to the image features AND to themselves: keys and values are the concatenation of
both, each with its own LayerNorm, as in Flamingo.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from pairsmith.errors import InputError
from pairsmith.vlm.config import ResamplerConfig


class ResamplerLayer(nn.Module):
    """Cross-attention of latents to features and latents, then a feed-forward; linear layers carry no bias."""

    def __init__(self, config: ResamplerConfig, dropout: float) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.feature_norm = nn.LayerNorm(width)
        self.latent_norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * width, bias=False)
        self.output = nn.Linear(width, width, bias=False)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, config.mlp_width, bias=False),
            nn.GELU(),
            nn.Linear(config.mlp_width, width, bias=False),
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, latents: Tensor, features: Tensor) -> Tensor:
        normed = self.latent_norm(latents)  # [B, L, D]
        query = self.query(normed).unflatten(-1, (self.heads, -1)).transpose(1, 2)  # [B, H, L, dh]
        source = torch.cat([self.feature_norm(features), normed], 1)  # [B, N + L, D]
        key, value = self.key_value(source).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)  # [B, H, N+L, dh]
        mixed = functional.scaled_dot_product_attention(query, key, value)  # [B, H, L, dh]
        latents = latents + self.dropout(self.output(mixed.transpose(1, 2).flatten(2)))
        return latents + self.dropout(self.feed_forward(latents))


class PerceiverResampler(nn.Module):
    """Image features `[B, I, N, C]` of I images a sample -> media `[B, I * latents, width]`.

    Images are resampled one by one, so adding an image never changes the media of another.

    Args:
        config: sizes.
        feature_width: channels C of the features; a linear projection is made only when it differs from the width.
        dropout: on residual branches.
    """

    def __init__(self, config: ResamplerConfig, feature_width: int, dropout: float) -> None:
        super().__init__()
        self.config = config
        same = feature_width == config.width
        self.projection = nn.Identity() if same else nn.Linear(feature_width, config.width)
        self.latents = nn.Parameter(torch.randn(config.latents, config.width) * 0.02)
        times = config.media_times
        self.media_times = nn.Parameter(torch.randn(times, 1, config.width) * 0.02) if times else None
        self.layers = nn.ModuleList(ResamplerLayer(config, dropout) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)

    def forward(self, features: Tensor) -> Tensor:
        """Raises InputError when a sample holds more images than there are media-time embeddings."""
        batch, images = features.shape[:2]
        features = self.projection(features)  # [B, I, N, D]
        if self.media_times is not None:
            if images > len(self.media_times):
                raise InputError(
                    f"{images} images a sample but resampler.media_times is {len(self.media_times)}: raise it or set 0"
                )
            features = features + self.media_times[:images]
        features = features.flatten(0, 1)  # [B * I, N, D]
        latents = self.latents.expand(len(features), -1, -1)  # [B * I, L, D]
        if self.config.latents_from_media:
            latents = latents + pooling_matrix(features.shape[1], self.config.latents, features) @ features
        for layer in self.layers:
            latents = layer(latents, features)
        return self.norm(latents).unflatten(0, (batch, images)).flatten(1, 2)  # [B, I * L, D]


def pooling_matrix(inputs: int, outputs: int, like: Tensor) -> Tensor:
    """`[outputs, inputs]` weights of average pooling: output i averages the i-th of `outputs` runs of the raster.

    A matrix product instead of adaptive pooling, because its gradient is deterministic on every device.
    """
    first = torch.arange(outputs, device=like.device)[:, None]  # [L, 1]
    index = torch.arange(inputs, device=like.device)[None]  # [1, N]
    start, stop = first * inputs // outputs, ((first + 1) * inputs + outputs - 1) // outputs
    inside = ((index >= start) & (index < stop)).to(like.dtype)  # [L, N]
    return inside / inside.sum(1, keepdim=True)
