from __future__ import annotations

import math

import pytest
import torch

from pairsmith.tokenizer.usage import CodeUsage, psnr


def test_figures_by_hand_over_two_batches() -> None:
    usage = CodeUsage(8)
    usage.update(torch.tensor([[0, 0, 0], [0, 1, 1]]))
    usage.update(torch.tensor([2, 7], dtype=torch.int32))
    report = usage.report()  # shares 1/2, 1/4, 1/8, 1/8
    assert report.entropy_bits == pytest.approx(0.5 * 1 + 0.25 * 2 + 2 * 0.125 * 3)
    assert report.perplexity == pytest.approx(2**1.75)
    assert (report.usage, report.zeros_ratio, report.max_ratio) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("size", [1, 2, 24])
def test_a_uniform_spread_has_entropy_log2_k(size: int) -> None:
    usage = CodeUsage(size)
    usage.update(torch.arange(size).repeat(5))
    report = usage.report()
    assert report.entropy_bits == pytest.approx(math.log2(size))
    assert report.perplexity == pytest.approx(size)
    assert report.usage == 1.0


def test_the_last_code_counts_and_the_one_after_it_is_refused() -> None:
    usage = CodeUsage(4)
    usage.update(torch.tensor([3]))
    assert usage.counts.tolist() == [0, 0, 0, 1]
    with pytest.raises(ValueError, match="token 4"):
        usage.update(torch.tensor([4]))
    assert CodeUsage(4).report().zeros_ratio == 1.0


def test_psnr_by_hand() -> None:
    pixels = torch.full((2, 3, 4, 4), 0.5)
    other = pixels.clone()
    other[1] += 0.1
    values = psnr(other, pixels)
    assert values[0] == torch.inf
    assert values[1].item() == pytest.approx(20.0, abs=1e-4)
    assert psnr(torch.full((1, 3, 4, 4), 9.0), torch.ones(1, 3, 4, 4)).item() == torch.inf  # clamped first
