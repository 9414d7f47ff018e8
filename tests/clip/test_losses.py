"""CLIP, multi-positive CLIP and NegCLIP: against loops, open_clip, hand-worked cases and each other."""

from __future__ import annotations

import math

import open_clip
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pairsmith.clip.losses import Negatives, clip_loss, multi_positive_clip_loss, negative_clip_loss
from tests.clip import references
from tests.clip.references import unit

SCALE = torch.tensor(1 / 0.07, dtype=torch.float64)


def labels(captions: int, views: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.arange(captions).repeat_interleave(views), torch.arange(captions)


def negatives(features: torch.Tensor) -> Negatives:
    count = len(features)
    return Negatives(features, torch.ones(count, dtype=torch.bool), torch.full((count,), -1))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_clip_agrees_with_loops_and_with_open_clip(seed, dtype):
    images, texts = unit(7, seed=seed, dtype=dtype), unit(7, seed=seed + 50, dtype=dtype)
    found = clip_loss(images, texts, SCALE.to(dtype)).item()
    assert found == pytest.approx(references.clip(images, texts, float(SCALE)), rel=1e-6)
    assert found == pytest.approx(open_clip.ClipLoss()(images, texts, SCALE.to(dtype)).item(), rel=1e-6)


def test_clip_worked_by_hand():
    # Two pairs at right angles, scale ln 3: every row sees its own at ln 3 and the other at 0, so p = 3/4.
    both = torch.eye(2)
    assert clip_loss(both, both, math.log(3)).item() == pytest.approx(math.log(4 / 3), rel=1e-6)
    # One negative more, at a right angle too: images have p = 3/5, texts still 3/4.
    both = torch.eye(3)[:2]
    found = negative_clip_loss(both, both, torch.eye(3)[2:], math.log(3)).item()
    assert found == pytest.approx((math.log(5 / 3) + math.log(4 / 3)) / 2, rel=1e-6)


@pytest.mark.parametrize("views", [1, 2, 4])
def test_multi_positive_agrees_with_loops(views):
    images, texts = unit(5 * views), unit(5, seed=1)
    found = multi_positive_clip_loss(images, texts, *labels(5, views), SCALE).item()
    assert found == pytest.approx(references.multi_positive(images, texts, views, float(SCALE)), rel=1e-9)


def test_one_view_is_clip():
    images, texts = unit(6), unit(6, seed=1)
    assert multi_positive_clip_loss(images, texts, *labels(6, 1), SCALE) == clip_loss(images, texts, SCALE)


@pytest.mark.parametrize("views", [1, 3])
def test_negclip_agrees_with_loops(views):
    images, texts, false = unit(4 * views), unit(4, seed=1), unit(3, seed=2)
    found = multi_positive_clip_loss(images, texts, *labels(4, views), SCALE, negatives=negatives(false)).item()
    assert found == pytest.approx(references.negclip(images, texts, false, float(SCALE), views), rel=1e-9)


def test_invalid_negatives_are_not_there():
    images, texts, false = unit(4), unit(4, seed=1), unit(4, seed=2)
    extra = Negatives(false, torch.tensor([True, False, False, True]), torch.full((4,), -1))
    found = multi_positive_clip_loss(images, texts, *labels(4, 1), SCALE, negatives=extra)
    expected = negative_clip_loss(images, texts, false[[0, 3]], SCALE)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)
    nothing = Negatives(false, torch.zeros(4, dtype=torch.bool), torch.full((4,), -1))
    found = multi_positive_clip_loss(images, texts, *labels(4, 1), SCALE, negatives=nothing)
    torch.testing.assert_close(found, clip_loss(images, texts, SCALE), rtol=1e-12, atol=0)


def test_a_negative_that_is_true_of_another_image_counts_as_its_text():
    images, texts, false = unit(2), unit(2, seed=1), unit(2, seed=2)
    extra = Negatives(false, torch.ones(2, dtype=torch.bool), torch.tensor([1, -1]))  # the first is image 1's caption
    found = multi_positive_clip_loss(images, texts, *labels(2, 1), SCALE, negatives=extra).item()
    columns = [*texts, *false]
    scores = [[float(SCALE) * references.cosine(image, text) for text in columns] for image in images]
    from_images = [
        references.cross_entropy(scores[0], [1.0, 0.0, 0.0, 0.0]),
        references.cross_entropy(scores[1], [0.0, 0.5, 0.5, 0.0]),
    ]
    from_texts = [
        references.cross_entropy([scores[i][j] for i in range(2)], [float(i == j) for i in range(2)]) for j in range(2)
    ]
    assert found == pytest.approx((sum(from_images) + sum(from_texts)) / 4, rel=1e-9)


def test_texts_without_images_are_candidates_but_not_anchors():
    images, texts = unit(2), unit(3, seed=1)
    found = multi_positive_clip_loss(images, texts, torch.tensor([0, 1]), torch.arange(3), SCALE).item()
    expected = references.negclip(images, texts[:2], texts[2:], float(SCALE))
    assert found == pytest.approx(expected, rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 6), st.integers(1, 3), st.integers(0, 10_000))
def test_order_does_not_matter(captions, views, seed):
    images, texts, false = unit(captions * views, seed=seed), unit(captions, seed=seed + 1), unit(3, seed=seed + 2)
    own, known = labels(captions, views)
    generator = torch.Generator().manual_seed(seed)
    rows, columns = (torch.randperm(count, generator=generator) for count in (len(images), captions))
    first = multi_positive_clip_loss(images, texts, own, known, SCALE, negatives=negatives(false))
    second = multi_positive_clip_loss(
        images[rows], texts[columns], own[rows], known[columns], SCALE, negatives=negatives(false.flip(0))
    )
    torch.testing.assert_close(first, second, rtol=1e-10, atol=1e-12)


def test_gradients():
    images, texts, false = (unit(count, 4, seed).requires_grad_() for count, seed in ((6, 0), (3, 1), (2, 2)))
    scale = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)

    def loss(images, texts, false, scale):
        return multi_positive_clip_loss(images, texts, *labels(3, 2), scale, negatives=negatives(false))

    assert torch.autograd.gradcheck(loss, (images, texts, false, scale))


def test_nothing_is_lost_under_autocast():
    images, texts, false = (unit(count, 64, seed, torch.float32) for count, seed in ((8, 0), (8, 1), (8, 2)))
    expected = negative_clip_loss(images, texts, false, 100.0)
    with torch.autocast("cpu", torch.bfloat16):
        found = negative_clip_loss(images, texts, false, 100.0)
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)
    half = negative_clip_loss(images.bfloat16(), texts.bfloat16(), false.bfloat16(), 100.0)
    assert half.dtype == torch.float32
    assert half.isfinite()


def test_the_largest_scale_is_finite():
    images = unit(4, dtype=torch.float32).requires_grad_()
    loss = negative_clip_loss(images, -images.detach(), unit(4, seed=1, dtype=torch.float32), 100.0)
    loss.backward()
    assert loss.isfinite()
    assert images.grad.isfinite().all()
