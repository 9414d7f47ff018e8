"""The parts that encoder and decoder share: group norm, the residual block, seeded initial weights."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional


def group_norm(channels: int, most_groups: int) -> nn.GroupNorm:
    """A group norm with the largest number of groups up to `most_groups` that divides `channels`."""
    groups = next(count for count in range(min(most_groups, channels), 0, -1) if channels % count == 0)
    return nn.GroupNorm(groups, channels, eps=1e-6)


class ResidualBlock(nn.Module):
    """Twice (group norm, swish, 3x3 convolution without bias), added to the input.

    Where the number of channels changes, the input passes a 1x1 convolution. (MaskGIT feeds that convolution with the
    processed signal instead; only loading its weights would need that.)
    """

    def __init__(self, channels_in: int, channels_out: int, norm_groups: int) -> None:
        super().__init__()
        self.norm1 = group_norm(channels_in, norm_groups)
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
        self.norm2 = group_norm(channels_out, norm_groups)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        same = channels_in == channels_out
        self.shortcut: nn.Module = nn.Identity() if same else nn.Conv2d(channels_in, channels_out, 1, bias=False)

    def forward(self, hidden: Tensor) -> Tensor:
        """[B, C_in, H, W] -> [B, C_out, H, W]."""
        change = self.conv1(functional.silu(self.norm1(hidden)))  # [B, C_out, H, W]
        change = self.conv2(functional.silu(self.norm2(change)))  # [B, C_out, H, W]
        return self.shortcut(hidden) + change


def residual_blocks(count: int, channels_in: int, channels_out: int, norm_groups: int) -> nn.Sequential:
    """`count` residual blocks, the first of which changes the number of channels."""
    widths = [channels_in] + [channels_out] * count
    return nn.Sequential(*(ResidualBlock(a, b, norm_groups) for a, b in pairwise(widths)))


def init_weights(module: nn.Module, generator: torch.Generator) -> None:
    """Draw all convolution and linear weights of `module` from `generator`; biases 0, norms 1 and 0.

    Uniform with variance 1 / fan-in, as MaskGIT's, which keeps the signal's size through all levels (torch's default,
    a third of it, learns several times slower at first). The second convolution of a residual block
    starts at 0, so that the network starts as its short cuts. A given generator makes equal seeds give equal models
    whatever ran before. Tensors on the meta device are left alone.
    """
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)) and not layer.weight.is_meta:
            bound = math.sqrt(3.0 / layer.weight[0].numel())
            with torch.no_grad():
                # Drawn on the CPU, whatever the device, so that devices cannot differ.
                layer.weight.copy_((torch.rand(layer.weight.shape, generator=generator) * 2 - 1) * bound)
                if layer.bias is not None:
                    layer.bias.zero_()
    for layer in module.modules():
        if isinstance(layer, ResidualBlock) and not layer.conv2.weight.is_meta:
            nn.init.zeros_(layer.conv2.weight)
