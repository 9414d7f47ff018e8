"""Gathering features of all ranks with gradients that flow back to where they came from."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from pairsmith.clip.contrast import ALONE, Gather
from pairsmith.training.distributed import Ranks


class RankGather:
    """Collects equally shaped tensors of all ranks; see `clip.contrast.Gather`.

    Args:
        ranks: this process among all; there must be a process group.
    """

    def __init__(self, ranks: Ranks) -> None:
        self.rank = ranks.rank

    def __call__(self, tensor: Tensor) -> Tensor:
        return _GatherRows.apply(tensor) if tensor.requires_grad else _gathered(tensor)


def gather_over(ranks: Ranks) -> Gather:
    """The gather of this run: nothing to do for a single rank."""
    return ALONE if ranks.world == 1 else RankGather(ranks)


def _gathered(tensor: Tensor) -> Tensor:
    # NCCL has no bool.
    own = tensor.to(torch.uint8) if tensor.dtype == torch.bool else tensor.detach().contiguous()
    parts = [torch.empty_like(own) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, own)
    return torch.cat(parts).to(tensor.dtype)


class _GatherRows(torch.autograd.Function):
    """Every rank's loss depends on every rank's rows, so a row's gradient is the sum of what all ranks ask of it."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        ctx.rows = len(tensor)
        return _gathered(tensor)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total)
        start = dist.get_rank() * ctx.rows
        return total[start : start + ctx.rows]
