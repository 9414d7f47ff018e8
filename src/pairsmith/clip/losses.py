"""CLIP's loss and its relatives in which a text of one's own has to be told from false ones.

CLIP (Radford et al., 2021): of N images and N texts each finds its own. Multi-positive: a caption may have several
images, over which its target is spread evenly. NegCLIP (Yuksekgonul et al., 2023): hard-negative captions are further
texts for the images to be told from; nothing is searched for them. One function holds all three, so a batch without
negatives is not on another scale than one with: images and texts are means over their own rows, and the loss is the
mean of both.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pairsmith.clip.contrast import ALONE, Gather, own_numbers, row_losses, same, share, similarities


@dataclass(frozen=True)
class Negatives:
    """Hard-negative captions of a batch that have no images of their own in it.

    Attributes:
        features: [K, D] of length 1.
        valid: [K] bool; False marks a place that is only there so that all ranks have equally many.
        captions: [K] int64 labels; one that equals an image's says that this text is true of that image after all.
    """

    features: Tensor
    valid: Tensor
    captions: Tensor


def clip_loss(images: Tensor, texts: Tensor, scale: Tensor | float, *, gather: Gather = ALONE) -> Tensor:
    """CLIP's loss; image i belongs to text i.

    Args:
        images, texts: [N, D] of length 1, of this rank.
        scale: the inverse temperature.
        gather: collects over ranks.

    Returns:
        Scalar: this rank's share.
    """
    labels = own_numbers(len(images), gather, images.device)
    return multi_positive_clip_loss(images, texts, labels, labels, scale, gather=gather)


def multi_positive_clip_loss(
    images: Tensor,
    texts: Tensor,
    image_captions: Tensor,
    text_captions: Tensor,
    scale: Tensor | float,
    *,
    negatives: Negatives | None = None,
    gather: Gather = ALONE,
) -> Tensor:
    """CLIP's loss where a caption may have several images, and images may be told from negative captions too.

    Args:
        images: [I, D] of length 1.
        texts: [T, D] of length 1.
        image_captions: [I] int64: the caption of each image.
        text_captions: [T] int64: the caption of each text. Equal labels belong together, on all ranks.
        scale: the inverse temperature.
        negatives: further texts.
        gather: collects over ranks; every rank has the same I, T and K.

    Returns:
        Scalar: this rank's share of (mean over images + mean over texts that have an image) / 2.
    """
    all_images, all_texts = gather(images), gather(texts)
    all_image_captions, all_text_captions = gather(image_captions), gather(text_captions)
    from_texts = row_losses(
        similarities(texts, all_images, scale), same(text_captions, all_image_captions)
    )  # [T], 0 for texts without image
    candidates, captions, allowed = all_texts, all_text_captions, None
    if negatives is not None:
        candidates = torch.cat([all_texts, gather(negatives.features).to(all_texts.dtype)])
        captions = torch.cat([all_text_captions, gather(negatives.captions)])
        valid = gather(negatives.valid)
        allowed = torch.cat([valid.new_ones(len(all_texts)), valid])
    positives = same(image_captions, captions)
    if allowed is not None:
        positives &= allowed
    from_images = row_losses(similarities(images, candidates, scale), positives, allowed)  # [I]
    shown = torch.isin(all_text_captions, all_image_captions).sum()
    return (share(from_images, len(all_images)) + share(from_texts, shown)) / 2


def negative_clip_loss(
    images: Tensor, texts: Tensor, negatives: Tensor, scale: Tensor | float, *, gather: Gather = ALONE
) -> Tensor:
    """NegCLIP's loss: image i belongs to text i, and all images are told from all negatives.

    Args:
        images, texts: [N, D] of length 1.
        negatives: [K, D] of length 1.
        scale: the inverse temperature.
        gather: collects over ranks.
    """
    labels = own_numbers(len(images), gather, images.device)
    nobody = labels.new_full((len(negatives),), -1)
    extra = Negatives(negatives, torch.ones_like(nobody, dtype=torch.bool), nobody)
    return multi_positive_clip_loss(images, texts, labels, labels, scale, negatives=extra, gather=gather)
