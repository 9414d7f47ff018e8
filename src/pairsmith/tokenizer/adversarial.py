"""What discriminator and tokenizer tell each other: the two adversarial losses, the gradient penalty, the weight."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

_SMALL = 1e-4  # added to the adversarial gradient's norm (VQ-GAN)

AdversarialKind = Literal["hinge", "non-saturating"]


def discriminator_loss(real: Tensor, fake: Tensor, kind: AdversarialKind) -> Tensor:
    """Loss of the discriminator from its verdicts (logits of any shape; positive means real), a scalar.

    hinge: half of mean relu(1 - real) + mean relu(1 + fake). non-saturating: mean of the two cross-entropies, summed.
    """
    if kind == "hinge":
        return (functional.relu(1.0 - real).mean() + functional.relu(1.0 + fake).mean()) / 2
    return functional.softplus(-real).mean() + functional.softplus(fake).mean()


def generator_loss(fake: Tensor, kind: AdversarialKind) -> Tensor:
    """Loss of the tokenizer from the verdicts on its reconstructions, a scalar: the more real, the lower."""
    return -fake.mean() if kind == "hinge" else functional.softplus(-fake).mean()


def gradient_penalty(verdicts: Tensor, pixels: Tensor) -> Tensor:
    """R1: mean over pictures of the squared norm of d(sum of verdicts) / d(pixels), a scalar with gradient.

    Args:
        verdicts: [B, 1, h, w], made from `pixels`.
        pixels: [B, 3, H, W], real, with `requires_grad`.
    """
    (gradient,) = torch.autograd.grad(verdicts.sum(), pixels, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean()


def adaptive_weight(others: Tensor, adversarial: Tensor, last_weight: Tensor, cap: float) -> Tensor:
    """|gradient of the other terms| / |gradient of the adversarial term| at the last layer, at most `cap`; detached.

    Without a low cap the ratio explodes where the discriminator has little to say, and then drowns the other terms.
    """
    (others_gradient,) = torch.autograd.grad(others, last_weight, retain_graph=True)
    (adversarial_gradient,) = torch.autograd.grad(adversarial, last_weight, retain_graph=True)
    ratio = others_gradient.norm() / (adversarial_gradient.norm() + _SMALL)
    return ratio.clamp(max=cap).detach()


def ramp(step: int, start: int, warmup: int) -> float:
    """0 before `start`, then rising linearly to 1 over `warmup` steps (at once where `warmup` is 0)."""
    if step < start:
        return 0.0
    return min(1.0, (step - start + 1) / (warmup + 1))


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """No gradient reaches the parameters of `module` through what is computed inside; inputs still get theirs."""
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)
