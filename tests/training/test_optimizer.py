"""Groups, scaling with clipping, and moments that survive a round trip."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pairsmith.errors import InputError
from pairsmith.training.optimizer import (
    load_optimizer_state,
    make_optimizer,
    optimizer_state,
    scale_and_clip,
    set_learning_rate,
)
from pairsmith.training.settings import TrainingSettings
from pairsmith.training.task import TrainedParameter, default_parameters

SETTINGS = TrainingSettings(steps=1, batch_size=1, weight_decay=0.1, learning_rate=0.01)


def some_parameters() -> list[TrainedParameter]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return default_parameters({"m": nn.Linear(3, 2)})


def give_gradients(parameters: list[TrainedParameter], seed: int = 1) -> None:
    generator = torch.Generator().manual_seed(seed)
    for item in parameters:
        item.parameter.grad = torch.randn(item.parameter.shape, generator=generator)


@pytest.mark.parametrize("clip", [None, 0.5, 1000.0])
def test_scaling_and_clipping_in_one_equals_the_two_steps(clip):
    parameters, expected = some_parameters(), some_parameters()
    give_gradients(parameters)
    give_gradients(expected)
    norm = scale_and_clip(parameters, torch.tensor(0.25), clip)
    for item in expected:
        item.parameter.grad *= 0.25
    wanted = nn.utils.clip_grad_norm_([item.parameter for item in expected], clip or float("inf"))
    assert norm.item() == pytest.approx(wanted.item(), rel=1e-6)
    for got, want in zip(parameters, expected, strict=True):
        torch.testing.assert_close(got.parameter.grad, want.parameter.grad)


def test_decay_and_learning_rate_follow_the_flags():
    weight, bias = some_parameters()
    optimizer = make_optimizer([weight, bias._replace(lr_scale=0.1)], SETTINGS)
    before = weight.parameter.detach().clone(), bias.parameter.detach().clone()
    set_learning_rate(optimizer, 0.5)
    assert sorted(group["lr"] for group in optimizer.param_groups) == [0.05, 0.5]
    for item in (weight, bias):
        item.parameter.grad = torch.zeros_like(item.parameter)
    optimizer.step()  # zero gradients: only the decay moves anything
    torch.testing.assert_close(weight.parameter.detach(), before[0] * (1 - 0.5 * 0.1))
    assert torch.equal(bias.parameter.detach(), before[1])


def test_moments_put_back_give_the_same_next_step():
    first, second = some_parameters(), some_parameters()
    one, two = make_optimizer(first, SETTINGS), make_optimizer(second, SETTINGS)
    give_gradients(first)
    one.step()
    state = optimizer_state(one, first)
    assert set(state) == {"m.weight", "m.bias"}
    load_optimizer_state(two, second, state)
    for source, target in zip(first, second, strict=True):
        target.parameter.data.copy_(source.parameter)
    for optimizer, parameters in ((one, first), (two, second)):
        give_gradients(parameters, seed=2)
        optimizer.step()
    for got, want in zip(first, second, strict=True):
        assert torch.equal(got.parameter, want.parameter)


def test_foreign_moments_are_refused_by_name():
    parameters = some_parameters()
    optimizer = make_optimizer(parameters, SETTINGS)
    with pytest.raises(InputError, match=r"'m\.other'"):
        load_optimizer_state(optimizer, parameters, {"m.other": {}})
    with pytest.raises(InputError, match=r"m\.weight.*\(9,\)"):
        load_optimizer_state(optimizer, parameters, {"m.weight": {"exp_avg": torch.zeros(9)}})
