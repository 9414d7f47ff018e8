"""DiHT's loss (Radenovic et al., 2023): negatives that look alike weigh more.

    w_j = n exp(b s_j) / sum over negatives exp(b s)        L = -log( e^s+ / (a e^s+ + sum w_j e^s_j) )

with n negatives of similarity s_j, and s+ that of the positive; a = 1, b = 0 is CLIP's loss. All is computed in
logarithms: as written, e^s overflows float32 once scale * cosine passes 88, and the scale may grow to 100.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pairsmith.clip.contrast import ALONE, Gather, same, share, similarities

ALPHA, BETA = 1.0, 0.25


def weighted_clip_loss(
    images: Tensor,
    texts: Tensor,
    image_captions: Tensor,
    text_captions: Tensor,
    scale: Tensor | float,
    *,
    alpha: float = ALPHA,
    beta: float = BETA,
    gather: Gather = ALONE,
) -> Tensor:
    """DiHT's weighting in both directions; a row with several positives takes the mean over them.

    Args:
        images: [I, D] of length 1.
        texts: [T, D] of length 1.
        image_captions, text_captions: [I] and [T] int64 labels; equal ones belong together.
        scale: the inverse temperature.
        alpha: a, the weight of the positive below.
        beta: b, how much alike negatives are favoured; 0: not at all.
        gather: collects over ranks.

    Returns:
        Scalar: this rank's share of (mean over images + mean over texts) / 2.
    """
    all_images, all_texts = gather(images), gather(texts)
    all_image_captions, all_text_captions = gather(image_captions), gather(text_captions)
    from_images = weighted_rows(
        similarities(images, all_texts, scale), same(image_captions, all_text_captions), alpha, beta
    )
    from_texts = weighted_rows(
        similarities(texts, all_images, scale), same(text_captions, all_image_captions), alpha, beta
    )
    shown = torch.isin(all_text_captions, all_image_captions).sum()
    return (share(from_images, len(all_images)) + share(from_texts, shown)) / 2


def weighted_rows(logits: Tensor, positives: Tensor, alpha: float, beta: float) -> Tensor:
    """The loss of each row: logits [A, C] and positives [A, C] bool -> [A]; 0 for a row without positives."""
    negatives = ~positives
    count = negatives.sum(dim=1, keepdim=True)
    lowest = torch.finfo(logits.dtype).min  # not -inf: a row without negatives would have gradients that are NaN
    hard = (beta * logits).masked_fill(positives, lowest)
    weights = (
        count.clamp(min=1).to(logits.dtype).log() + hard - hard.logsumexp(dim=1, keepdim=True)
    )  # [A, C], logarithms
    below = (weights + logits).masked_fill(positives, lowest).logsumexp(dim=1, keepdim=True)  # [A, 1]
    own = torch.logaddexp(logits + _log(alpha, logits), below) - logits  # [A, C], of each candidate were it positive
    found = positives.sum(dim=1)
    return torch.where(positives, own, 0).sum(dim=1) / found.clamp(min=1)


def _log(value: float, like: Tensor) -> Tensor:
    return torch.tensor(value, dtype=like.dtype, device=like.device).log()
