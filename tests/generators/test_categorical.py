"""Inverse-CDF draws: the right distribution, never a code without mass, filters that keep what they should."""

from __future__ import annotations

import pytest
import torch

from pairsmith.generators.categorical import draw_tokens

LOGITS = torch.tensor([0.5, 0.25, 0.0, 0.125, 0.125]).log()
ALMOST_ONE = 1 - 2**-24


def _shares(**options: float | int) -> list[float]:
    uniforms = (torch.arange(8_000) + 0.5) / 8_000  # evenly spread: shares are exact up to rounding
    tokens = draw_tokens(LOGITS.expand(8_000, -1), uniforms, **options)  # type: ignore[arg-type]
    return (torch.bincount(tokens, minlength=5) / 8_000).tolist()


def test_shares_are_the_probabilities() -> None:
    assert _shares() == pytest.approx([0.5, 0.25, 0, 0.125, 0.125], abs=1e-3)


def test_temperature_sharpens_tokens() -> None:
    squares = torch.tensor([0.25, 0.0625, 0, 0.015625, 0.015625])
    assert _shares(temperature=0.5) == pytest.approx((squares / squares.sum()).tolist(), abs=1e-3)


def test_filters_keep_the_likeliest() -> None:
    assert _shares(top_k=1) == [1, 0, 0, 0, 0]
    assert _shares(top_k=2) == pytest.approx([2 / 3, 1 / 3, 0, 0, 0], abs=1e-3)
    assert _shares(top_p=0.5) == [1, 0, 0, 0, 0]
    assert _shares(top_p=0.51) == pytest.approx([2 / 3, 1 / 3, 0, 0, 0], abs=1e-3)
    assert _shares(top_p=1.0) == pytest.approx(_shares(), abs=1e-3)


@pytest.mark.parametrize("uniform", [0.0, ALMOST_ONE])
def test_edges_never_hit_a_code_without_mass(uniform: float) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(500, 64, generator=generator) * 5
    logits[:, :2] = -torch.inf
    logits[:, -2:] = -torch.inf
    tokens = draw_tokens(logits, torch.full((500,), uniform))
    assert torch.isfinite(logits.gather(1, tokens[:, None])).all()
