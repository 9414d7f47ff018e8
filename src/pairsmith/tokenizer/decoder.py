"""From a grid of codebook vectors back to pixels: the encoder's mirror image, also convolutional throughout."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from pairsmith.tokenizer.config import TokenizerConfig
from pairsmith.tokenizer.layers import group_norm, residual_blocks


class Decoder(nn.Module):
    """The MaskGIT / Muse decoder: per level residual blocks, then nearest x2 and a 3x3 convolution."""

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        channels = config.decoder_channels or config.channels
        blocks = config.decoder_blocks or config.blocks
        widths = [channels * multiplier for multiplier in reversed(config.multipliers)]
        self.stem = nn.Conv2d(config.code_dim, widths[0], 3, padding=1)
        self.middle = residual_blocks(blocks, widths[0], widths[0], config.norm_groups)
        self.levels = nn.ModuleList(
            residual_blocks(blocks, before, width, config.norm_groups)
            for before, width in zip([widths[0], *widths], widths, strict=False)
        )
        self.upsamplers = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for width in widths[:-1])
        self.norm = group_norm(widths[-1], config.norm_groups)
        self.head = nn.Conv2d(widths[-1], 3, 3, padding=1)

    def forward(self, codes: Tensor) -> Tensor:
        """Codebook vectors [B, D, h, w] -> pixels [B, 3, h*f, w*f], nominally in [0, 1], not clamped."""
        hidden = self.middle(self.stem(codes))  # [B, C', h, w]
        for index, level in enumerate(self.levels):
            if index:
                hidden = self.upsamplers[index - 1](functional.interpolate(hidden, scale_factor=2.0, mode="nearest"))
            hidden = level(hidden)
        return self.head(functional.silu(self.norm(hidden)))  # [B, 3, H, W]
