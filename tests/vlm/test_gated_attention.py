"""Gated cross-attention and its masks."""

from __future__ import annotations

import pytest
import torch

from pairsmith.vlm.config import GatedAttentionConfig
from pairsmith.vlm.gated_attention import GatedBlock, MediaContext, media_mask


@pytest.fixture
def block() -> GatedBlock:
    torch.manual_seed(0)
    return GatedBlock(GatedAttentionConfig(heads=2, head_width=4, feed_forward_ratio=2.0), 0, 12, 10, dropout=0.0)


@pytest.fixture
def text() -> torch.Tensor:
    return torch.randn(2, 5, 12, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def media() -> torch.Tensor:
    return torch.randn(2, 6, 10, generator=torch.Generator().manual_seed(2))


def test_closed_gates_change_no_bit(block: GatedBlock, text: torch.Tensor, media: torch.Tensor) -> None:
    assert torch.equal(block(text, MediaContext(media)), text)


def test_each_gate_opens_its_own_branch(block: GatedBlock, text: torch.Tensor, media: torch.Tensor) -> None:
    other = media.flip(1) * 2
    block.feed_forward_gate.data.fill_(0.7)
    assert torch.equal(block(text, MediaContext(media)), block(text, MediaContext(other)))
    expected = text + torch.tensor(0.7).tanh() * block.feed_forward(text)
    assert torch.allclose(block(text, MediaContext(media)), expected, atol=1e-6)
    block.feed_forward_gate.data.zero_()
    block.attention_gate.data.fill_(0.7)
    assert not torch.allclose(block(text, MediaContext(media)), block(text, MediaContext(other)), atol=1e-3)


def test_text_in_a_smaller_number_type_stays_in_it(block: GatedBlock, text: torch.Tensor, media: torch.Tensor) -> None:
    assert block(text.bfloat16(), MediaContext(media)).dtype == torch.bfloat16
    assert torch.equal(block(text.bfloat16(), MediaContext(media)), text.bfloat16())


def test_rows_without_media_give_exactly_0(block: GatedBlock, text: torch.Tensor, media: torch.Tensor) -> None:
    text.requires_grad_()
    allowed = torch.ones(2, 5, 6, dtype=torch.bool)
    allowed[0, :2] = False
    allowed[1] = False
    update = block.attention(text, block.attention.project(media), allowed)
    assert (update[0, :2] == 0).all()
    assert (update[1] == 0).all()
    assert (update[0, 2:] != 0).any()
    update.sum().backward()
    assert text.grad is not None
    assert text.grad.isfinite().all()
    assert (text.grad[1] == 0).all()


def test_masked_media_are_as_good_as_absent(block: GatedBlock, text: torch.Tensor, media: torch.Tensor) -> None:
    allowed = torch.zeros(2, 5, 6, dtype=torch.bool)
    allowed[..., 2:4] = True
    masked = block.attention(text, block.attention.project(media), allowed)
    alone = block.attention(text, block.attention.project(media[:, 2:4]), None)
    assert torch.allclose(masked, alone, atol=1e-6)


def test_media_mask_shows_the_latest_image_alone() -> None:
    mask = media_mask(torch.tensor([[0, 1, 1, 2]]), images=2, latents=2)
    expected = [[0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1]]
    assert mask.dtype == torch.bool
    assert mask[0].int().tolist() == expected


def test_projected_media_give_the_same_bits(block: GatedBlock, text: torch.Tensor, media: torch.Tensor) -> None:
    block.attention_gate.data.fill_(1.0)
    context = MediaContext(media, projected=(block.attention.project(media),))
    assert torch.equal(block(text, context), block(text, MediaContext(media)))
    # and the projection is what is used
    empty = MediaContext(torch.zeros_like(media), projected=context.projected)
    assert torch.equal(block(text, empty), block(text, context))


def test_repeat_puts_copies_of_a_row_side_by_side(block: GatedBlock, media: torch.Tensor) -> None:
    allowed = torch.rand(2, 5, 6, generator=torch.Generator().manual_seed(0)) < 0.5
    context = MediaContext(media, allowed, (block.attention.project(media),)).repeat(3)
    assert context.allowed is not None
    assert context.projected is not None
    for row in range(6):
        assert torch.equal(context.media[row], media[row // 3])
        assert torch.equal(context.allowed[row], allowed[row // 3])
        assert torch.equal(context.projected[0][0][row], block.attention.project(media)[0][row // 3])
