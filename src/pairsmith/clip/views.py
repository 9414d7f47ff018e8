"""StableRep's loss (Tian et al., 2023): images of one caption find each other among all images.

StableRep+ adds it to multi-positive CLIP, with weight 1 and a temperature of its own that is not trained.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pairsmith.clip.contrast import ALONE, Gather, own_numbers, row_losses, same, share, similarities
from pairsmith.clip.losses import multi_positive_clip_loss

TEMPERATURE = 0.1


def view_loss(views: Tensor, captions: Tensor, *, temperature: float = TEMPERATURE, gather: Gather = ALONE) -> Tensor:
    """Multi-positive contrast between images; the target of an image is spread evenly over the others of its caption.

    Args:
        views: [I, E] of length 1.
        captions: [I] int64 labels.
        temperature: fixed.
        gather: collects over ranks.

    Returns:
        Scalar: this rank's share of the mean over images whose caption has another image; 0 where none has.
    """
    all_captions = gather(captions)
    numbers = torch.arange(len(all_captions), device=views.device)
    others = own_numbers(len(views), gather, views.device)[:, None] != numbers  # [I, world * I]
    losses = row_losses(
        similarities(views, gather(views), 1 / temperature), same(captions, all_captions) & others, others
    )
    rows = (same(all_captions, all_captions).sum(dim=1) > 1).sum()
    return share(losses, rows)


def stablerep_plus_loss(
    images: Tensor,
    texts: Tensor,
    views: Tensor,
    image_captions: Tensor,
    text_captions: Tensor,
    scale: Tensor | float,
    *,
    temperature: float = TEMPERATURE,
    gather: Gather = ALONE,
) -> Tensor:
    """Multi-positive CLIP plus the contrast between images, both with weight 1; arguments as theirs."""
    return multi_positive_clip_loss(images, texts, image_captions, text_captions, scale, gather=gather) + view_loss(
        views, image_captions, temperature=temperature, gather=gather
    )
