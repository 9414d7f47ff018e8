"""The diffusion transformer's block: adaLN-zero (Peebles and Xie, 2023, §3.2) with cross-attention to text.

Shift and scale of each norm, and the gate on what each sublayer adds, come from the noise level. Their last layer
starts at zero, so a new block passes its input on unchanged, unless its gates are opened.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from pairsmith.attention import SelfAttention
from pairsmith.generators.blocks import CrossAttention
from pairsmith.generators.flow.config import FlowConfig

FREQUENCIES = 128
MAX_PERIOD = 10_000.0
TIME_SCALE = 1000.0  # noise levels are told on the scale of diffusers' timesteps


class NoiseLevel(nn.Module):
    """Noise levels [B] in [0, 1] -> vectors [B, W]: sinusoids of 1000 times the level, then an MLP."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.input = nn.Linear(2 * FREQUENCIES, width)
        self.output = nn.Linear(width, width)

    def forward(self, levels: Tensor) -> Tensor:
        places = torch.arange(FREQUENCIES, device=levels.device) / FREQUENCIES
        angles = TIME_SCALE * levels.float()[:, None] * torch.exp(-math.log(MAX_PERIOD) * places)  # [B, F]
        waves = torch.cat((angles.cos(), angles.sin()), dim=-1).to(self.input.weight.dtype)  # [B, 2 F]
        return self.output(functional.silu(self.input(waves)))


class Modulation(nn.Module):
    """A noise-level vector [B, W] -> `parts` vectors [B, 1, W]; all zero at first."""

    def __init__(self, width: int, parts: int) -> None:
        super().__init__()
        self.parts = parts
        self.linear = nn.Linear(width, parts * width)

    def forward(self, level: Tensor) -> tuple[Tensor, ...]:
        return self.linear(functional.silu(level))[:, None].chunk(self.parts, dim=-1)

    @torch.no_grad()
    def silence(self) -> None:
        """Make all parts zero."""
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)


def plain_norm(width: int) -> nn.LayerNorm:
    """A layer norm without parameters of its own: shift and scale come from the modulation."""
    return nn.LayerNorm(width, elementwise_affine=False, eps=1e-6)


def modulate(hidden: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """[B, N, W] scaled by 1 + scale and shifted, both [B, 1, W]."""
    return hidden * (1 + scale) + shift


class FlowBlock(nn.Module):
    """Self-attention, cross-attention to text and GELU MLP, each between a modulated norm and a gate."""

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        self.norm = plain_norm(config.width)
        self.self_attention = SelfAttention(config.width, config.heads)
        self.cross_attention = CrossAttention(config.width, config.heads)
        self.mlp_input = nn.Linear(config.width, config.mlp_width)
        self.mlp_output = nn.Linear(config.mlp_width, config.width)
        self.dropout = nn.Dropout(config.dropout)
        self.modulation = Modulation(config.width, 9)

    def forward(self, hidden: Tensor, level: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
        """[B, N, W], noise level [B, W], text keys and values [B, H, S, Dh], mask [B, S] bool -> [B, N, W]."""
        shift, scale, gate, cross_shift, cross_scale, cross_gate, mlp_shift, mlp_scale, mlp_gate = self.modulation(
            level
        )
        added = self.self_attention(modulate(self.norm(hidden), shift, scale))
        hidden = hidden + gate * self.dropout(added)
        added = self.cross_attention(modulate(self.norm(hidden), cross_shift, cross_scale), keys, values, mask)
        hidden = hidden + cross_gate * self.dropout(added)
        inner = functional.gelu(self.mlp_input(modulate(self.norm(hidden), mlp_shift, mlp_scale)))  # [B, N, mlp_width]
        return hidden + mlp_gate * self.dropout(self.mlp_output(inner))

    @torch.no_grad()
    def open_gates(self, value: float) -> None:
        """Set what all three gates start from, at every noise level."""
        parts = self.modulation.linear.bias.view(self.modulation.parts, -1)
        parts[2::3] = value
