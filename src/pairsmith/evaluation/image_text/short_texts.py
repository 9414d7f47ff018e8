"""Text features of open_clip's CLIP without its padding.

CLIP pads every text to its context, 77 tokens, of which a caption fills fifteen or so. Its text tower is causal and its
feature is the end token's, so nothing behind the last end token of a batch reaches any feature: leaving it out gives
the same features, for a fraction of the work. Rounding differs, as it does between any two shapes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def encode_texts(model: Any, ids: Tensor) -> Tensor:
    """What `model.encode_text(ids)` gives, float [B, D].

    Args:
        model: any open_clip model; only CLIP's own text tower is shortened.
        ids: int64 [B, L], padded to the model's context.
    """
    ends = _ends(model, ids)
    if ends is None:
        return model.encode_text(ids)
    length = int(ends.max()) + 1 if len(ends) else 1
    dtype = model.transformer.get_cast_dtype()
    x = model.token_embedding(ids[:, :length]).to(dtype) + model.positional_embedding[:length].to(dtype)  # [B, l, W]
    x = model.ln_final(model.transformer(x, attn_mask=model.attn_mask[:length, :length]))
    pooled = x[torch.arange(len(x), device=x.device), ends]  # [B, W]
    if model.text_projection is None:
        return pooled
    if isinstance(model.text_projection, torch.nn.Linear):
        return model.text_projection(pooled)
    return pooled @ model.text_projection


def _ends(model: Any, ids: Tensor) -> Tensor | None:
    """Places of the tokens whose features count, int64 [B]; None where a feature may depend on all places."""
    import open_clip

    if type(model) is not open_clip.CLIP or model.attn_mask is None:
        return None
    if model.text_pool_type == "argmax":
        return ids.argmax(dim=-1)
    if model.text_pool_type == "eos":
        return (ids == model.text_eos_id).int().argmax(dim=-1)
    return None
