from __future__ import annotations

import pytest
import torch
from torch import nn

from pairsmith.tokenizer.layers import ResidualBlock, group_norm, init_weights, residual_blocks


@pytest.mark.parametrize(("channels", "most", "groups"), [(128, 32, 32), (48, 32, 24), (8, 32, 8), (7, 4, 1)])
def test_group_norm_takes_the_most_groups_that_divide(channels: int, most: int, groups: int) -> None:
    assert group_norm(channels, most).num_groups == groups


def test_residual_block_with_zero_last_convolution_is_the_identity() -> None:
    block = ResidualBlock(8, 8, 4)
    nn.init.zeros_(block.conv2.weight)
    hidden = torch.randn(2, 8, 5, 5)
    assert torch.equal(block(hidden), hidden)


def test_only_the_first_of_several_blocks_changes_the_width() -> None:
    blocks = residual_blocks(3, 4, 8, 4)
    assert [isinstance(block.shortcut, nn.Identity) for block in blocks] == [False, True, True]
    assert blocks(torch.randn(1, 4, 6, 6)).shape == (1, 8, 6, 6)


def test_initial_weights_depend_on_their_generator_alone() -> None:
    first, second = nn.Conv2d(3, 64, 3), nn.Conv2d(3, 64, 3)
    torch.rand(5)
    init_weights(first, torch.Generator().manual_seed(3))
    init_weights(second, torch.Generator().manual_seed(3))
    assert torch.equal(first.weight, second.weight)
    assert first.bias is not None
    assert not first.bias.any()
    # Variance 1 / fan-in: outputs are as large as inputs.
    assert first.weight.var().item() == pytest.approx(1 / 27, rel=0.1)


def test_residual_blocks_start_as_their_short_cuts() -> None:
    blocks = residual_blocks(2, 4, 8, 4)
    init_weights(blocks, torch.Generator().manual_seed(0))
    hidden = torch.randn(1, 4, 5, 5)
    assert torch.equal(blocks(hidden), blocks[0].shortcut(hidden))
