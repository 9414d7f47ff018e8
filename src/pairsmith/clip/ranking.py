"""CE-CLIP's rank term (Zhang et al., 2024): a caption is to beat its own negative by a margin that grows by itself.

The margin of a kind of negative is the mean similarity of captions minus that of their negatives of this kind, as it
stands now: what most negatives have reached, the rest must reach too.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from pairsmith.clip.contrast import ALONE, Gather, share


def rank_loss(
    images: Tensor,
    texts: Tensor,
    negatives: Tensor,
    valid: Tensor,
    kinds: Tensor,
    kind_count: int,
    scale: Tensor | float,
    *,
    gather: Gather = ALONE,
) -> Tensor:
    """Mean of relu(margin + s- - s+) over valid negatives, with s+ and s- the scaled cosines to the same image.

    Args:
        images: [I, D] of length 1.
        texts: [I, D] of length 1: the caption of each image.
        negatives: [I, D] of length 1: the negative of that caption.
        valid: [I] bool: whether there is one.
        kinds: [I] int64, 0 to `kind_count` - 1.
        kind_count: number of kinds.
        scale: the inverse temperature.
        gather: collects over ranks.

    Returns:
        Scalar: this rank's share; 0 where nothing is valid.
    """
    kind = torch.promote_types(images.dtype, torch.float32)
    images, texts, negatives = images.to(kind), texts.to(kind), negatives.to(kind)
    gaps = ((texts - negatives) * images).sum(dim=1) * scale  # [I], s+ - s-
    counted = valid.to(kind)
    with torch.no_grad():
        members = functional.one_hot(kinds, kind_count).to(kind) * counted[:, None]  # [I, K]
        sums = gather(torch.stack([gaps.detach() @ members, members.sum(dim=0)])[None]).sum(dim=0)  # [2, K]
        margins = sums[0] / sums[1].clamp(min=1)
    return share(functional.relu(margins[kinds] - gaps) * counted, sums[1].sum())
