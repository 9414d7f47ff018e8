"""DiHT's weighting of negatives."""

from __future__ import annotations

import pytest
import torch

from pairsmith.clip.losses import clip_loss
from pairsmith.clip.weighted import weighted_clip_loss, weighted_rows
from tests.clip import references
from tests.clip.references import unit


@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 0.25), (0.5, 0.25), (1.0, 1.0)])
def test_agrees_with_loops(alpha, beta):
    images, texts, labels = unit(6), unit(6, seed=1), torch.arange(6)
    found = weighted_clip_loss(images, texts, labels, labels, 14.0, alpha=alpha, beta=beta).item()
    assert found == pytest.approx(references.diht(images, texts, 14.0, alpha, beta), rel=1e-9)
    half = weighted_clip_loss(images.float(), texts.float(), labels, labels, 14.0, alpha=alpha, beta=beta).item()
    assert half == pytest.approx(found, rel=1e-6)


def test_without_preference_it_is_clip():
    images, texts, labels = unit(6), unit(6, seed=1), torch.arange(6)
    found = weighted_clip_loss(images, texts, labels, labels, 14.0, beta=0.0)
    torch.testing.assert_close(found, clip_loss(images, texts, 14.0), rtol=1e-10, atol=0)


def test_texts_without_images_are_candidates_but_not_anchors():
    images, texts = unit(2), unit(3, seed=1)
    found = weighted_clip_loss(images, texts, torch.arange(2), torch.arange(3), 14.0, beta=0.0).item()
    assert found == pytest.approx(references.negclip(images, texts[:2], texts[2:], 14.0), rel=1e-9)


def test_several_positives_are_averaged():
    logits = torch.tensor([[1.0, 2.0, 0.5, -1.0]], dtype=torch.float64)
    own = [weighted_rows(logits[:, [k, 2, 3]], torch.tensor([[True, False, False]]), 1.0, 0.25).item() for k in (0, 1)]
    both = weighted_rows(logits, torch.tensor([[True, True, False, False]]), 1.0, 0.25).item()
    assert both == pytest.approx(sum(own) / 2, rel=1e-12)


def test_float32_survives_the_largest_scale():
    images = unit(4, dtype=torch.float32).requires_grad_()
    labels = torch.arange(4)
    loss = weighted_clip_loss(images, images.detach(), labels, labels, 100.0)
    loss.backward()
    assert loss.isfinite()
    assert images.grad.isfinite().all()


def test_a_batch_of_one_costs_nothing():
    images, labels = unit(1).requires_grad_(), torch.arange(1)
    loss = weighted_clip_loss(images, unit(1, seed=1), labels, labels, 14.0)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-12)
    assert images.grad.isfinite().all()


def test_gradients():
    labels = torch.tensor([0, 0, 1, 2])

    def loss(images, texts):
        return weighted_clip_loss(images, texts, labels, torch.arange(3), 3.0)

    assert torch.autograd.gradcheck(loss, (unit(4, 4).requires_grad_(), unit(3, 4, 1).requires_grad_()))
