"""From pixels to a grid of latent vectors: a convolutional encoder without attention, so that any size goes."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from pairsmith.tokenizer.config import TokenizerConfig
from pairsmith.tokenizer.layers import group_norm, residual_blocks


class Encoder(nn.Module):
    """The MaskGIT / Muse encoder: per level residual blocks, then a 2x2 average pool (not after the last level)."""

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        widths = [config.channels * multiplier for multiplier in config.multipliers]
        self.stem = nn.Conv2d(3, config.channels, 3, padding=1, bias=False)
        self.levels = nn.ModuleList(
            residual_blocks(config.blocks, narrow, wide, config.norm_groups)
            for narrow, wide in zip([config.channels, *widths], widths, strict=False)
        )
        self.middle = residual_blocks(config.blocks, widths[-1], widths[-1], config.norm_groups)
        self.norm = group_norm(widths[-1], config.norm_groups)
        self.head = nn.Conv2d(widths[-1], config.code_dim, 1)

    def forward(self, pixels: Tensor) -> Tensor:
        """Pixels [B, 3, H, W] in [0, 1] -> latents [B, D, H/f, W/f]."""
        hidden = self.stem(pixels)  # [B, C, H, W]
        for index, level in enumerate(self.levels):
            if index:
                hidden = functional.avg_pool2d(hidden, 2)
            hidden = level(hidden)
        hidden = self.middle(hidden)  # [B, C', H/f, W/f]
        return self.head(functional.silu(self.norm(hidden)))
