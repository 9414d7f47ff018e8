"""Drawing tokens by inverse CDF: one uniform number decides one token.

The uniform belongs to the (row, step, position), so a row's picture does not depend on its neighbours in the batch, and
one number a token is far cheaper than the K Gumbel draws of an argmax trick.
"""

from __future__ import annotations

import torch
from torch import Tensor


def draw_tokens(
    logits: Tensor, uniforms: Tensor, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
) -> Tensor:
    """Tokens distributed as softmax(logits / temperature), restricted to the likeliest if asked.

    Args:
        logits: [..., K] float32.
        uniforms: [...] float32 in [0, 1), one a token.
        temperature: above 0; of the tokens' distribution, not of the order of commits.
        top_k: keep the k likeliest codes.
        top_p: keep the smallest set of likeliest codes whose mass reaches p.

    Returns:
        [...] int64; never a code of zero probability. Logits that are not numbers give some code all the same.
    """
    probabilities = torch.softmax(logits / temperature, dim=-1)  # [..., K]
    if top_k is not None or top_p is not None:
        probabilities = probabilities.masked_fill(~_likeliest(probabilities, top_k, top_p), 0)
    cumulative = probabilities.cumsum(dim=-1)
    total = cumulative[..., -1]
    # Strictly below the total, so that rounding cannot point past the last code that has any mass.
    threshold = torch.minimum(uniforms * total, torch.nextafter(total, torch.zeros_like(total)))
    tokens = torch.searchsorted(cumulative, threshold[..., None], right=True)[..., 0]
    return tokens.clamp(max=logits.shape[-1] - 1)  # only NaN gets here with K


def _likeliest(probabilities: Tensor, top_k: int | None, top_p: float | None) -> Tensor:
    ranked, codes = probabilities.sort(dim=-1, descending=True, stable=True)
    keep = torch.ones_like(ranked, dtype=torch.bool)
    if top_k is not None:
        keep[..., top_k:] = False
    if top_p is not None:
        keep &= ranked.cumsum(dim=-1) - ranked < top_p  # the mass before a code has not reached p yet
    return torch.zeros_like(keep).scatter(-1, codes, keep)
