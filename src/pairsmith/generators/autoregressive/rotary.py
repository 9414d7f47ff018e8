"""Rotary positions in two dimensions (Su et al., 2021; LlamaGen §2.2): half of a head turns by row, half by column.

A token of the picture has its row and column. What comes before the picture lies on the diagonal that leads to its
first corner: the start at (-1, -1), the last text token at (-2, -2) and so on, as multimodal language models place text
(Qwen2-VL, §2.1). So words keep their order, and only distances count.
"""

from __future__ import annotations

import torch
from torch import Tensor

BASE = 10_000.0


def places(max_text: int, grid: int) -> Tensor:
    """Rows and columns [max_text + 1 + grid * grid, 2] float32: text, the start, the picture in raster order."""
    before = torch.arange(-max_text - 1, 0)
    across = torch.arange(grid)
    picture = torch.cartesian_prod(across, across)  # [N, 2], rows first
    return torch.cat((before[:, None].expand(-1, 2), picture)).float()


def turns(points: Tensor, head_width: int) -> Tensor:
    """Places [T, 2] -> angles [T, head_width / 2]: the first half of them by row, the second by column."""
    quarter = head_width // 4
    speeds = BASE ** (-torch.arange(quarter, dtype=torch.float32, device=points.device) / quarter)  # [head_width / 4]
    return (points[:, :, None] * speeds).flatten(1)


def rotate(features: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Turn each pair (i, i + Dh / 2) of features [B, H, T, Dh] by its angle; cosines and sines [T, Dh / 2] float32."""
    first, second = features.float().chunk(2, dim=-1)  # [B, H, T, Dh / 2]
    turned = torch.cat((first * cosines - second * sines, first * sines + second * cosines), dim=-1)
    return turned.to(features.dtype)
