from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from pairsmith.tokenizer.adversarial import (
    adaptive_weight,
    discriminator_loss,
    frozen,
    generator_loss,
    gradient_penalty,
    ramp,
)

REAL, FAKE = torch.tensor([2.0, 0.5]), torch.tensor([-3.0, 1.0])


def softplus(value: float) -> float:
    return math.log1p(math.exp(value))


def test_hinge_by_hand() -> None:
    assert discriminator_loss(REAL, FAKE, "hinge").item() == pytest.approx((0.5 / 2 + 2.0 / 2) / 2)
    assert generator_loss(FAKE, "hinge").item() == pytest.approx(1.0)


def test_non_saturating_by_hand() -> None:
    expected = (softplus(-2.0) + softplus(-0.5)) / 2 + (softplus(-3.0) + softplus(1.0)) / 2
    assert discriminator_loss(REAL, FAKE, "non-saturating").item() == pytest.approx(expected)
    assert generator_loss(FAKE, "non-saturating").item() == pytest.approx((softplus(3.0) + softplus(-1.0)) / 2)


@pytest.mark.parametrize("kind", ["hinge", "non-saturating"])
def test_both_losses_pull_in_opposite_directions(kind) -> None:
    fake = torch.zeros(3, requires_grad=True)
    (for_discriminator,) = torch.autograd.grad(discriminator_loss(torch.zeros(3), fake, kind), fake)
    (for_generator,) = torch.autograd.grad(generator_loss(fake, kind), fake)
    assert (for_discriminator > 0).all()
    assert (for_generator < 0).all()


def test_gradient_penalty_of_a_linear_discriminator_is_its_squared_weight() -> None:
    weight = torch.randn(3, 4, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    pixels = torch.rand(5, 3, 4, 4, requires_grad=True)
    penalty = gradient_penalty((pixels * weight).sum((1, 2, 3)), pixels)
    assert penalty.item() == pytest.approx(weight.square().sum().item(), rel=1e-5)
    (gradient,) = torch.autograd.grad(penalty, weight)
    assert torch.allclose(gradient, 2 * weight)


def test_adaptive_weight_is_the_ratio_of_gradients_up_to_its_cap() -> None:
    weight = torch.ones(4, requires_grad=True)
    scale = adaptive_weight(6.0 * weight.sum(), 2.0 * weight.sum(), weight, cap=10.0)
    assert scale.item() == pytest.approx(12.0 / (4.0 + 1e-4))
    assert not scale.requires_grad
    assert adaptive_weight(6.0 * weight.sum(), 1e-6 * weight.sum(), weight, cap=10.0).item() == 10.0


def test_ramp_is_zero_before_its_start_and_rises_in_equal_steps() -> None:
    values = [ramp(step, start=3, warmup=4) for step in range(9)]
    assert values == pytest.approx([0.0, 0.0, 0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.0])
    assert [ramp(step, 2, 0) for step in range(4)] == [0.0, 0.0, 1.0, 1.0]


def test_frozen_stops_parameters_not_inputs_and_restores_what_it_found() -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    module[0].weight.requires_grad_(False)
    inputs = torch.ones(1, 2, requires_grad=True)
    with frozen(module):
        out = module(inputs)
    out.sum().backward()
    assert inputs.grad is not None
    assert all(parameter.grad is None for parameter in module.parameters())
    assert [parameter.requires_grad for parameter in module.parameters()] == [False, True, True, True]
    with pytest.raises(RuntimeError, match="stop"), frozen(module):
        raise RuntimeError("stop")
    assert module[1].weight.requires_grad
