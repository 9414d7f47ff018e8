from __future__ import annotations

import math

import pytest
import torch

from pairsmith.tokenizer.fsq import FSQQuantizer
from pairsmith.tokenizer.layers import init_weights
from tests.tokenizer.conftest import small_config


def build(levels: tuple[int, ...]) -> FSQQuantizer:
    config = small_config(quantizer="fsq", fsq_levels=levels, codebook_size=math.prod(levels))
    quantizer = FSQQuantizer(config)
    init_weights(quantizer, torch.Generator().manual_seed(0))
    return quantizer


@pytest.mark.parametrize("levels", [(4, 3, 2), (8, 5, 5, 5), (2, 2), (7,)])
def test_ids_and_grid_points_are_in_bijection(levels: tuple[int, ...]) -> None:
    quantizer = build(levels)
    tokens = torch.arange(math.prod(levels))
    points = quantizer.grid_points(tokens)
    assert points.unique(dim=0).shape == (math.prod(levels), len(levels))
    assert points.min() == -1.0
    assert points.max() == 1.0
    assert torch.equal(quantizer.token_of(points), tokens)


@pytest.mark.parametrize("levels", [(4, 3, 2), (8, 5)])
def test_every_code_can_be_reached_and_none_lies_outside(levels: tuple[int, ...]) -> None:
    quantizer = build(levels)
    tokens = quantizer.tokenize(100.0 * torch.randn(20_000, 6, generator=torch.Generator().manual_seed(1)))
    corners = quantizer.tokenize(torch.randn(20_000, 6, generator=torch.Generator().manual_seed(2)) * 3)
    assert set(torch.cat([tokens, corners]).tolist()) == set(range(math.prod(levels)))


@pytest.mark.parametrize("levels", [(4,), (5,), (8,)])
def test_zero_lies_on_a_level_and_levels_round_to_the_nearest(levels: tuple[int, ...]) -> None:
    quantizer = build(levels)
    torch.nn.init.zeros_(quantizer.down.weight)
    (size,) = levels
    assert quantizer.tokenize(torch.zeros(1, 6)).tolist() == [size // 2]
    bounded = quantizer._bounded(torch.zeros(1, 6))
    assert torch.allclose(bounded, quantizer.grid_points(torch.tensor([size // 2])), atol=1e-6)


def test_codes_differ_in_width_from_the_grid_and_gradients_reach_both_projections() -> None:
    quantizer = build((4, 3, 2))
    assert quantizer.codebook.shape == (24, 6)
    latents = torch.randn(9, 6, requires_grad=True)
    out = quantizer(latents)
    assert out.losses == {}
    out.embedding.square().sum().backward()
    for tensor in (latents, quantizer.down.weight, quantizer.up.weight):
        assert tensor.grad is not None
        assert tensor.grad.abs().sum() > 0
