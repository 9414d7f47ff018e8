"""StableRep's contrast between images."""

from __future__ import annotations

import math

import pytest
import torch

from pairsmith.clip.losses import multi_positive_clip_loss
from pairsmith.clip.views import stablerep_plus_loss, view_loss
from tests.clip import references
from tests.clip.references import unit


@pytest.mark.parametrize("captions", [[0, 0, 1, 1, 2, 2], [0, 0, 0, 1, 1, 2], [3, 1, 3, 1]])
def test_agrees_with_loops(captions):
    views = unit(len(captions))
    found = view_loss(views, torch.tensor(captions), temperature=0.1).item()
    assert found == pytest.approx(references.views_contrast(views, captions, 0.1), rel=1e-9)


def test_equal_views_of_two_captions_worked_by_hand():
    views = torch.eye(2, dtype=torch.float64)[[0, 0, 1, 1]]
    # Each view sees its twin at 10 and two strangers at 0.
    expected = math.log1p(2 * math.exp(-10))
    assert view_loss(views, torch.tensor([0, 0, 1, 1])).item() == pytest.approx(expected, rel=1e-6)


def test_single_images_give_zero_and_no_nan():
    views = unit(3).requires_grad_()
    loss = view_loss(views, torch.arange(3))
    loss.backward()
    assert loss.item() == 0
    assert (views.grad == 0).all()
    assert view_loss(unit(1), torch.zeros(1, dtype=torch.int64)).item() == 0


def test_stablerep_plus_is_both():
    images, texts, views = unit(6), unit(3, seed=1), unit(6, seed=2)
    shown, known = torch.arange(3).repeat_interleave(2), torch.arange(3)
    found = stablerep_plus_loss(images, texts, views, shown, known, 14.0)
    assert found == multi_positive_clip_loss(images, texts, shown, known, 14.0) + view_loss(views, shown)


def test_gradients():
    captions = torch.tensor([0, 0, 1, 1, 2])
    assert torch.autograd.gradcheck(lambda views: view_loss(views, captions), (unit(5, 4).requires_grad_(),))
