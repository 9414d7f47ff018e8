"""What all contrastive losses here are made of: similarities in float32, rows of cross-entropy, and gathering.

A row is an anchor that is to find its positives among candidates. Anchors are a rank's own; candidates are those of all
ranks, gathered in such a way that gradients flow back to the rank they came from. So every loss is a rank's share of
the loss of the whole batch: added up over ranks, shares and their gradients are those of one process with all rows.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor


class Gather(Protocol):
    """Collects equally shaped tensors of all ranks.

    Attributes:
        rank: this process among them.
    """

    rank: int

    def __call__(self, tensor: Tensor) -> Tensor:
        """[N, ...] -> [world * N, ...], in the order of the ranks."""
        ...


class Alone:
    """The only rank: what it has is all there is."""

    rank = 0

    def __call__(self, tensor: Tensor) -> Tensor:
        return tensor


ALONE = Alone()


def similarities(anchors: Tensor, candidates: Tensor, scale: Tensor | float) -> Tensor:
    """scale * cosine of all pairs, at least in float32 whatever autocast says.

    In bfloat16 a similarity of 90 has a step of 0.5, which is most of what a contrastive loss looks at.

    Args:
        anchors: [A, D] of length 1.
        candidates: [C, D] of length 1.
        scale: the inverse temperature.

    Returns:
        [A, C], float32 (float64 for float64 features).
    """
    kind = torch.promote_types(anchors.dtype, torch.float32)
    with torch.autocast(anchors.device.type, enabled=False):
        return anchors.to(kind) @ candidates.to(kind).T * scale


def row_losses(logits: Tensor, positives: Tensor, allowed: Tensor | None = None) -> Tensor:
    """Cross-entropy of each row with the target spread evenly over its positives; 0 for a row without positives.

    Args:
        logits: [A, C].
        positives: [A, C] bool, all of them allowed.
        allowed: bool, broadcast to [A, C]: which candidates a row is compared with; None: all.

    Returns:
        [A].
    """
    # Not -inf, with which a row that may not be compared with anything would have gradients that are NaN.
    total = logits if allowed is None else logits.masked_fill(~allowed, torch.finfo(logits.dtype).min)
    count = positives.sum(dim=1)
    mean = torch.where(positives, logits, 0).sum(dim=1) / count.clamp(min=1)
    return torch.where(count > 0, total.logsumexp(dim=1) - mean, 0)


def share(losses: Tensor, rows: Tensor | int) -> Tensor:
    """This rank's part of a mean over `rows` rows of all ranks."""
    return losses.sum() / (rows.clamp(min=1) if isinstance(rows, Tensor) else max(rows, 1))


def same(captions: Tensor, others: Tensor) -> Tensor:
    """Whether rows belong to one caption: labels [A] and [C] -> bool [A, C]."""
    return captions[:, None] == others


def own_numbers(rows: int, gather: Gather, device: torch.device) -> Tensor:
    """Numbers of this rank's rows among those of all ranks, int64 [rows]."""
    return torch.arange(rows, device=device) + gather.rank * rows
