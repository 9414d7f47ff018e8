"""TripletCLIP's loss (Patel et al., 2024), where negative captions have images too, and its multi-positive form.

TripletCLIP adds NegCLIP(I, T, T-) and NegCLIP(I-, T-, T): every image is told from all texts, every text only from the
images of its own side. As a sum of two terms its scale would double as soon as a batch holds a negative, and under a
curriculum batches hold more and more of them. Here images and texts are means over all their rows: half of
TripletCLIP's loss where every caption has its negative beside it, and exactly multi-positive CLIP where none has.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pairsmith.clip.contrast import ALONE, Gather, own_numbers, row_losses, same, share, similarities


def triplet_clip_loss(
    images: Tensor,
    texts: Tensor,
    negative_images: Tensor,
    negative_texts: Tensor,
    scale: Tensor | float,
    *,
    gather: Gather = ALONE,
) -> Tensor:
    """One image a caption, and a negative with its image for every caption: half of TripletCLIP's sum.

    Args:
        images, texts, negative_images, negative_texts: [N, D] of length 1, row by row.
        scale: the inverse temperature.
        gather: collects over ranks.
    """
    labels = own_numbers(2 * len(images), gather, images.device)
    negative = torch.arange(2 * len(images), device=images.device) >= len(images)
    return multi_positive_triplet_loss(
        torch.cat([images, negative_images]), torch.cat([texts, negative_texts]), labels, labels, negative, negative,
        scale, gather=gather,
    )  # fmt: skip


def multi_positive_triplet_loss(
    images: Tensor,
    texts: Tensor,
    image_captions: Tensor,
    text_captions: Tensor,
    negative_images: Tensor,
    negative_texts: Tensor,
    scale: Tensor | float,
    *,
    gather: Gather = ALONE,
) -> Tensor:
    """Several images a caption, and negatives beside any part of the captions.

    Args:
        images: [I, D] of length 1.
        texts: [T, D] of length 1.
        image_captions, text_captions: [I] and [T] int64 labels; equal ones belong together.
        negative_images, negative_texts: [I] and [T] bool: those of negatives whose base caption is in the batch. A
            negative without its base beside it counts as any other caption.
        scale: the inverse temperature.
        gather: collects over ranks; every rank has the same I and T.

    Returns:
        Scalar: this rank's share of (mean over images + mean over texts) / 2.
    """
    all_images, all_texts = gather(images), gather(texts)
    all_image_captions, all_text_captions = gather(image_captions), gather(text_captions)
    from_images = row_losses(similarities(images, all_texts, scale), same(image_captions, all_text_captions))  # [I]
    sides = same(negative_texts, gather(negative_images))
    positives = same(text_captions, all_image_captions) & sides
    from_texts = row_losses(similarities(texts, all_images, scale), positives, sides)  # [T]
    all_sides = same(gather(negative_texts), gather(negative_images))
    shown = (same(all_text_captions, all_image_captions) & all_sides).any(dim=1).sum()
    return (share(from_images, len(all_images)) + share(from_texts, shown)) / 2
