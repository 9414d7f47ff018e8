"""The moving average follows its formula, and swapping it in leaves no trace."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pairsmith.errors import InputError
from pairsmith.training.ema import MovingAverage
from pairsmith.training.task import TrainedParameter


def test_average_follows_the_formula():
    weight = nn.Parameter(torch.tensor([1.0]))
    average = MovingAverage([TrainedParameter("w", weight)], decay=0.15)
    expected = 1.0
    for step, value in enumerate([2.0, 3.0, 4.0]):
        weight.data.fill_(value)
        average.update(step)
        decay = min(0.15, (1 + step) / (10 + step))  # 0.1, then 0.15
        expected = decay * expected + (1 - decay) * value
    assert average.state()["w"].item() == pytest.approx(expected, rel=1e-6)


def test_swapping_in_is_undone_even_after_an_error():
    weight = nn.Parameter(torch.tensor([1.0]))
    average = MovingAverage([TrainedParameter("w", weight)], decay=0.5)
    weight.data.fill_(5.0)
    seen: list[float] = []

    def evaluate_and_fail() -> None:
        with average.in_place():
            seen.append(weight.item())
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        evaluate_and_fail()
    assert seen == [1.0]
    assert weight.item() == 5.0


def test_an_average_of_other_parameters_is_refused():
    average = MovingAverage([TrainedParameter("w", nn.Parameter(torch.zeros(1)))], decay=0.5)
    with pytest.raises(InputError, match="'v'"):
        average.load({"v": torch.zeros(1), "w": torch.zeros(1)})
