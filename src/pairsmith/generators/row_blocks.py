"""Drawing rows in blocks of one fixed size, so that a row's picture does not depend on its batch, to the last bit.

Matrix kernels may round differently for different shapes. So every block has the same number of rows, the last one
padded with its last row, and text of one length.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from pairsmith.errors import InputError
from pairsmith.generators.base import TokenGenerator

Drawn = TypeVar("Drawn")


@torch.no_grad()
def draw_in_blocks(
    model: TokenGenerator,
    text: Tensor,
    text_mask: Tensor,
    seeds: Sequence[int],
    block_rows: int,
    draw: Callable[[Tensor, Tensor, Sequence[int], Tensor], Drawn],
) -> list[Drawn]:
    """What `draw` makes of each block, in order; the caller cuts it to the rows asked for.

    Args:
        model: the generator; in eval mode while it draws, its mode is restored.
        text: [B, L, text_dim] float features, L up to the model's max_text.
        text_mask: [B, L] bool, True for real text tokens.
        seeds: B seeds.
        block_rows: rows of a block.
        draw: (text [block_rows, max_text, text_dim], its mask, seeds, rows [block_rows] int64 on the CPU), the first
            two on the model's device.

    Raises:
        InputError: the numbers of rows differ.
    """
    rows = len(seeds)
    if text.shape[0] != rows or text_mask.shape[0] != rows:
        raise InputError(
            f"{rows} seeds for {text.shape[0]} captions and {text_mask.shape[0]} text masks; give one each"
        )
    device = model.conditioner.null_text.device
    missing = max(model.config.max_text - text.shape[1], 0)
    text = functional.pad(text, (0, 0, 0, missing)).to(device)
    text_mask = functional.pad(text_mask, (0, missing)).to(device)
    training = model.training
    model.eval()
    try:
        blocks = []
        for start in range(0, rows, block_rows):
            chosen = torch.arange(start, start + block_rows).clamp(max=rows - 1)
            on_device = chosen.to(device)
            own_seeds = [int(seeds[row]) for row in chosen.tolist()]
            blocks.append(draw(text[on_device], text_mask[on_device], own_seeds, chosen))
    finally:
        model.train(training)
    return blocks
