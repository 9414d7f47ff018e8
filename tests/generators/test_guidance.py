"""Guidance: both published formulas, the ramp, and the weight at which the null branch is idle."""

from __future__ import annotations

import pytest
import torch

from pairsmith.generators.guidance import extra_weight, guided_logits

COND, NULL = torch.tensor([1.0, -2.0, 0.5]), torch.tensor([0.25, 1.0, 3.0])


def test_both_formulas_as_published() -> None:
    muse = guided_logits(COND, NULL, extra_weight(4.0, 0, 24, "muse"))
    assert torch.allclose(muse, 5 * COND - 4 * NULL)
    diffusers = guided_logits(COND, NULL, extra_weight(4.0, 0, 24, "diffusers"))
    assert torch.allclose(diffusers, NULL + 4 * (COND - NULL))


def test_muse_four_is_diffusers_five() -> None:
    assert extra_weight(4.0, 3, 24, "muse", "linear") == extra_weight(5.0, 3, 24, "diffusers", "linear")


def test_linear_ramp_runs_from_none_to_full() -> None:
    weights = [extra_weight(4.0, step, 5, "muse", "linear") for step in range(5)]
    assert weights == pytest.approx([0, 1, 2, 3, 4])
    assert extra_weight(4.0, 0, 1, "muse", "linear") == 4.0
    assert [extra_weight(4.0, step, 5) for step in range(5)] == [4.0] * 5


def test_no_guidance_is_the_caption_alone_to_the_last_bit() -> None:
    assert extra_weight(0.0, 2, 5, "muse") == 0
    assert extra_weight(1.0, 2, 5, "diffusers") == 0
    assert torch.equal(guided_logits(COND, NULL, 0.0), COND)
