"""The discriminator: tells pictures from reconstructions, patch by patch."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from pairsmith.seeds import torch_generator
from pairsmith.tokenizer.config import DiscriminatorConfig
from pairsmith.tokenizer.layers import group_norm, init_weights


class BlurPool(nn.Module):
    """Halve height and width after a fixed [1, 2, 1] x [1, 2, 1] / 16 blur, against aliasing."""

    kernel: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        taps = torch.tensor([1.0, 2.0, 1.0])
        kernel = torch.outer(taps, taps) / 16
        self.register_buffer("kernel", kernel.expand(channels, 1, 3, 3).clone(), persistent=False)

    def forward(self, hidden: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C, H/2, W/2]."""
        padded = functional.pad(hidden, (1, 1, 1, 1), mode="replicate")
        return functional.conv2d(padded, self.kernel.to(hidden.dtype), stride=2, groups=hidden.shape[1])


class PatchDiscriminator(nn.Module):
    """3x3 convolutions with group norm and blurred down-sampling; one logit per patch, positive for real pictures."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        widths = [min(config.channels * 2**level, config.most_channels) for level in range(config.levels + 1)]
        self.stem = nn.Conv2d(3, widths[0], 3, padding=1)
        self.levels = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(narrow, wide, 3, padding=1, bias=False),
                group_norm(wide, config.norm_groups),
                nn.LeakyReLU(0.1),
                BlurPool(wide),
            )
            for narrow, wide in pairwise(widths)
        )
        self.head = nn.Conv2d(widths[-1], 1, 3, padding=1)
        init_weights(self, torch_generator(config.seed, purpose="discriminator"))

    def forward(self, pixels: Tensor) -> Tensor:
        """Pixels [B, 3, H, W] in [0, 1] -> verdicts [B, 1, H / 2**levels, W / 2**levels] float32."""
        hidden = functional.leaky_relu(self.stem(pixels), 0.1)
        for level in self.levels:
            hidden = level(hidden)
        return self.head(hidden).float()
