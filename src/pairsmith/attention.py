"""Bidirectional self-attention, of which the generator's blocks and the VLM's adapter are both made."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


def split_heads(features: Tensor, heads: int) -> Tensor:
    """[B, N, H*Dh] -> [B, H, N, Dh]."""
    return features.unflatten(-1, (heads, -1)).transpose(-3, -2)


def merge_heads(features: Tensor) -> Tensor:
    """[B, H, N, Dh] -> [B, N, H*Dh]."""
    return features.transpose(-3, -2).flatten(-2)


class SelfAttention(nn.Module):
    """Multi-head attention of a sequence to itself, with biases as in ViT, [B, N, W] -> [B, N, W].

    Args:
        width: W, a multiple of `heads`.
        heads: H.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)

    def forward(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        """Args: mask, broadcast to [B, H, N, N]: bool, True where a query may see a key, or a float added to scores."""
        query, key, value = (split_heads(part, self.heads) for part in self.query_key_value(inputs).chunk(3, dim=-1))
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)  # [B, H, N, Dh]
        return self.output(merge_heads(attended))
