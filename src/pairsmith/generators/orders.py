"""Orders: which positions a refinement step commits.

Fixed orders (random, Halton) are drawn before the first step, so the model's head runs only where a step commits.
The confidence order chooses anew at every step, by log-probability plus annealed Gumbel noise.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import torch
from torch import Tensor

Order = Literal["confidence", "random", "halton"]


def choice_noise_scale(step: int, steps: int, choice_temperature: float) -> float:
    """The factor of the Gumbel noise on confidences at a step: linear, tau * (1 - (step + 1) / steps).

    It falls to 0 at the last step and applies to the choice of positions only, never to the choice of tokens. A single
    multiplication from the full temperature: never compounded from one step to the next.
    """
    return choice_temperature * (1 - (step + 1) / steps)


def gumbel(uniforms: Tensor) -> Tensor:
    """Standard Gumbel noise from uniforms in [0, 1), finite for 0 as well."""
    tiny = torch.finfo(uniforms.dtype).tiny
    exponential = -torch.log(uniforms.clamp(min=tiny))
    return -torch.log(exponential.clamp(min=tiny))


def most_confident(confidences: Tensor, eligible: Tensor, counts: Tensor) -> Tensor:
    """Mark the `counts[b]` most confident eligible entries of each row; ties go to the earlier entry.

    Args:
        confidences: [B, M] float.
        eligible: [B, M] bool.
        counts: [B] int64, at most the eligible entries of the row.

    Returns:
        [B, M] bool with exactly `counts` True per row.
    """
    ranked = confidences.masked_fill(~eligible, -torch.inf).argsort(dim=1, descending=True, stable=True)
    ranks = torch.empty_like(ranked).scatter_(
        1, ranked, torch.arange(ranked.shape[1], device=ranked.device).expand_as(ranked)
    )
    return ranks < counts[:, None]


@cache
def halton_order(grid: int) -> Tensor:
    """All positions of a grid x grid picture in the order of the Halton sequence (base 2 rows, base 3 columns).

    The points of the sequence are scaled to the grid and each cell counts when first hit, so that positions committed
    together lie apart (Besnier et al., ICLR 2025).

    Returns:
        [grid * grid] int64, a permutation of the raster positions.
    """
    seen: dict[int, None] = {}
    index = 1
    while len(seen) < grid * grid:
        row, column = (int(radical_inverse(index, base) * grid) for base in (2, 3))
        seen.setdefault(row * grid + column)
        index += 1
    return torch.tensor(list(seen))


def radical_inverse(index: int, base: int) -> float:
    """The digits of `index` in `base`, mirrored at the point: a value in [0, 1)."""
    value, fraction = 0.0, 1.0
    while index:
        index, digit = divmod(index, base)
        fraction /= base
        value += digit * fraction
    return value


def fixed_order(order: Literal["random", "halton"], grid: int, uniforms: Tensor, roll: bool = True) -> Tensor:
    """Each row's order of positions.

    Args:
        order: a uniform random permutation, or Halton.
        grid: tokens a side.
        uniforms: [B, grid * grid] in [0, 1), the row's own.
        roll: start each row at its own place of the Halton sequence, for variety among pictures of one caption.

    Returns:
        [B, grid * grid] int64 permutations.
    """
    if order == "random":
        return uniforms.argsort(dim=1, stable=True)
    sequence = halton_order(grid).to(uniforms.device)
    places = torch.arange(sequence.numel(), device=uniforms.device).expand(uniforms.shape)
    if roll:
        places = (places + (uniforms[:, :1] * sequence.numel()).long()) % sequence.numel()
    return sequence[places]


def unknown_first(order: Tensor, known: Tensor) -> Tensor:
    """Stably move the known positions [B, N] bool to the end of each row's order [B, N]."""
    return order.gather(1, known.gather(1, order).to(torch.uint8).argsort(dim=1, stable=True))
