"""Schedules: which share of the tokens is masked at a given progress, and how many tokens each step commits.

The same curve gives the training mask ratio (at a uniform random progress) and the sampler's table of commits.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Literal

import torch
from torch import Tensor

Schedule = Literal["cosine", "linear", "arccos"]


def mask_ratio(progress: Tensor, schedule: Schedule = "cosine") -> Tensor:
    """The share of tokens still masked; falls from 1 at progress 0 to 0 at progress 1.

    Args:
        progress: any shape, float in [0, 1].
        schedule: cosine cos(pi/2 r) (MaskGIT, Muse, Synth²), linear 1 - r, or arccos(r) / (pi/2).
    """
    if schedule == "cosine":
        return torch.cos(progress * (math.pi / 2))
    if schedule == "linear":
        return 1 - progress
    return torch.arccos(progress) / (math.pi / 2)


@cache
def commit_counts(total: int, steps: int, schedule: Schedule = "cosine") -> tuple[int, ...]:
    """How many tokens each step commits.

    Args:
        total: tokens to commit, at least 1.
        steps: refinement steps, at least 1.
        schedule: after step t of T, floor(total * mask_ratio((t + 1) / T)) tokens are left, as far as every step can
            commit one or more.

    Returns:
        min(steps, total) positive counts whose sum is `total`.
    """
    if total < 1 or steps < 1:
        raise ValueError(f"total {total} and steps {steps} must be positive")
    steps = min(steps, total)
    progress = torch.arange(1, steps + 1, dtype=torch.float64) / steps
    targets = torch.floor(total * mask_ratio(progress, schedule)).long().tolist()
    left, counts = total, []
    for step, target in enumerate(targets):
        later_steps = steps - 1 - step
        remaining = max(later_steps, min(left - 1, target)) if later_steps else 0
        counts.append(left - remaining)
        left = remaining
    return tuple(counts)


@cache
def commit_table(total: int, steps: int, schedule: Schedule = "cosine") -> Tensor:
    """`commit_counts` for every number of unknown tokens, for rows that start with some tokens known.

    A row with fewer unknown tokens than there are steps commits one a step in the last steps, where guidance is
    strongest and choice noise weakest, and nothing before.

    Returns:
        [total + 1, min(steps, total)] int64; row u sums to u.
    """
    steps = min(steps, total)
    table = torch.zeros(total + 1, steps, dtype=torch.int64)
    for unknown in range(1, total + 1):
        counts = commit_counts(unknown, steps, schedule)
        table[unknown, steps - len(counts) :] = torch.tensor(counts)
    return table
