"""CE-CLIP's rank term."""

from __future__ import annotations

import pytest
import torch

from pairsmith.clip.ranking import rank_loss
from tests.clip import references
from tests.clip.references import unit

VALID, KINDS = [True, True, False, True, True, True], [0, 1, 1, 0, 1, 0]


def test_agrees_with_loops():
    images, texts, false = unit(6), unit(6, seed=1), unit(6, seed=2)
    found = rank_loss(images, texts, false, torch.tensor(VALID), torch.tensor(KINDS), 3, 14.0).item()
    assert found == pytest.approx(references.rank(images, texts, false, VALID, KINDS, 14.0), rel=1e-9)


def test_worked_by_hand():
    # Gaps 1 and 0 at scale 2: the margin is 1, the first has 2, the second lacks 1.
    images = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    texts = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    false = torch.tensor([[0.0, 1.0], [0.0, -1.0]])
    found = rank_loss(images, texts, false, torch.ones(2, dtype=torch.bool), torch.zeros(2, dtype=torch.int64), 1, 2.0)
    assert found.item() == pytest.approx(0.5)


def test_without_negatives_it_is_zero():
    found = rank_loss(unit(2), unit(2, seed=1), unit(2), torch.zeros(2, dtype=torch.bool), torch.tensor([0, 1]), 2, 9.0)
    assert found.item() == 0


def test_the_margin_gives_no_gradient():
    images, texts, false = unit(2, 4).requires_grad_(), unit(2, 4, 1), unit(2, 4, 2)
    valid, kinds = torch.ones(2, dtype=torch.bool), torch.zeros(2, dtype=torch.int64)
    rank_loss(images, texts, false, valid, kinds, 1, 5.0).backward()
    gaps = ((texts - false) * images).sum(1) * 5
    behind = int(gaps.argmin())  # of two, the one below their mean
    expected = torch.zeros_like(images)
    expected[behind] = -5 * (texts - false)[behind] / 2
    torch.testing.assert_close(images.grad, expected)
