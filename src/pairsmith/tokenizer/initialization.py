"""Where codebook vectors start: at random, then at encoder outputs drawn by k-means++ (by squared distance).

Drawing uniformly puts most codes on whatever fills most of the pictures (plain background); the tokens then carry
noise there and say little elsewhere. Squared-distance weights put codes where the codebook is still far off.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pairsmith.tokenizer.config import TokenizerConfig

# Points nearer to a code than this share of the points' variance have that code already: a second one would only make
# two tokens of one meaning (background drifts a little while an encoder learns). Real quantisation errors are larger.
_FLOOR = 1e-3


def random_codes(config: TokenizerConfig, generator: torch.Generator) -> Tensor:
    """Normal vectors of expected squared length 1, [K, D] float32; on the meta device nothing is drawn."""
    codes = torch.empty(config.codebook_size, config.code_dim)
    if not codes.is_meta:
        codes.copy_(torch.randn(codes.shape, generator=generator) * config.code_dim**-0.5)
    return codes


@torch.no_grad()
def draw_far_points(
    points: Tensor, count: int, generator: torch.Generator, distances: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Draw up to `count` distinct points, one after the other, with probability proportional to squared distance.

    Args:
        points: [n, D] float32.
        count: how many to draw.
        generator: a CPU generator; the draws are made on the CPU so that devices cannot differ.
        distances: [n] squared distance of each point to the nearest vector that is already there; None: none is there,
            and the first point is drawn uniformly.

    Returns:
        Indices [count] int64, and [count] bool: False from where every point left was (nearly) one of those chosen.
    """
    draws = torch.rand(count, generator=generator).to(points.device)  # [count]
    floor = _FLOOR * points.var(dim=0, correction=0).sum()
    remaining = torch.full_like(points[:, 0], torch.inf) if distances is None else distances.clone()  # [n]
    chosen, found = [], []
    for index in range(count):
        first = distances is None and index == 0
        weights = torch.ones_like(remaining) if first else torch.where(remaining > floor, remaining, 0.0)
        cumulative = weights.double().cumsum(0)  # [n]
        # side="right": a draw that meets a boundary takes the next point of positive weight, never one of weight 0.
        pick = torch.searchsorted(cumulative, draws[index] * cumulative[-1], right=True).clamp(max=len(points) - 1)
        chosen.append(pick)
        found.append(weights[pick] > 0)
        remaining = torch.minimum(remaining, (points - points[pick]).square().sum(-1))
    return torch.stack(chosen), torch.stack(found)
