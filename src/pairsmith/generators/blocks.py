"""One block of the masked transformer: self-attention, cross-attention to text, MLP, all pre-norm with residuals.

Cross-attention holds only queries and outputs: keys and values of the text are made once by the conditioner for all
blocks and all refinement steps (Muse §2.3).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from pairsmith.attention import SelfAttention, merge_heads, split_heads
from pairsmith.generators.config import TextToTokensConfig


class CrossAttention(nn.Module):
    """Attention from image tokens to text keys and values that were made beforehand, [B, N, W] -> [B, N, W]."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.output = nn.Linear(width, width)

    def forward(self, inputs: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
        """Args: keys and values [B, H, S, Dh]; mask [B, S] bool, True where a key may be attended to."""
        query = split_heads(self.query(inputs), self.heads)
        attended = functional.scaled_dot_product_attention(query, keys, values, attn_mask=mask[:, None, None, :])
        return self.output(merge_heads(attended))


class Block(nn.Module):
    """Pre-norm self-attention, cross-attention and GELU MLP; dropout on what each adds to the residual stream."""

    def __init__(self, config: TextToTokensConfig) -> None:
        super().__init__()
        self.self_norm = nn.LayerNorm(config.width)
        self.self_attention = SelfAttention(config.width, config.heads)
        self.cross_norm = nn.LayerNorm(config.width)
        self.cross_attention = CrossAttention(config.width, config.heads)
        self.mlp_norm = nn.LayerNorm(config.width)
        self.mlp_input = nn.Linear(config.width, config.mlp_width)
        self.mlp_output = nn.Linear(config.mlp_width, config.width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, hidden: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
        """[B, N, W] -> [B, N, W]; text keys and values [B, H, S, Dh], their mask [B, S] bool."""
        hidden = hidden + self.dropout(self.self_attention(self.self_norm(hidden)))
        hidden = hidden + self.dropout(self.cross_attention(self.cross_norm(hidden), keys, values, mask))
        inner = functional.gelu(self.mlp_input(self.mlp_norm(hidden)))  # [B, N, mlp_width]
        return hidden + self.dropout(self.mlp_output(inner))

    @torch.no_grad()
    def scale_outputs(self, factor: float) -> None:
        """Shrink the initial weights of the three layers that write to the residual stream."""
        for layer in (self.self_attention.output, self.cross_attention.output, self.mlp_output):
            layer.weight.mul_(factor)


class RelativeBias(nn.Module):
    """A learned score for every head and every distance between two words, as in T5 (Raffel et al., 2020, §2.1).

    A caption's meaning lies in neighbours ("small red circle" is one thing, "blue square" another). With absolute
    positions alone "the word before" has to be learnt anew at every place. The scores start different from head to
    head, so that some heads look at the neighbours from the first step.
    """

    def __init__(self, heads: int, length: int) -> None:
        super().__init__()
        self.length = length
        self.scores = nn.Parameter(torch.empty(heads, 2 * length - 1))  # distance 1 - length to length - 1
        nn.init.normal_(self.scores)

    def forward(self, mask: Tensor) -> Tensor:
        """Mask [B, L] bool, True where a word may be seen, L <= length -> float scores [B, H, L, L] to be added."""
        places = torch.arange(mask.shape[1], device=mask.device)
        distances = places[None, :] - places[:, None] + self.length - 1  # [L, L], from query to key
        return self.scores[:, distances].masked_fill(~mask[:, None, None, :], -torch.inf)


class TextBlock(nn.Module):
    """Pre-norm bidirectional self-attention and GELU MLP over the text, before the image attends to it."""

    def __init__(self, config: TextToTokensConfig) -> None:
        super().__init__()
        self.self_norm = nn.LayerNorm(config.width)
        self.self_attention = SelfAttention(config.width, config.heads)
        self.relative_bias = RelativeBias(config.heads, config.max_text)
        self.mlp_norm = nn.LayerNorm(config.width)
        self.mlp_input = nn.Linear(config.width, config.mlp_width)
        self.mlp_output = nn.Linear(config.mlp_width, config.width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """[B, L, W], mask [B, L] bool with at least one True a row -> [B, L, W]."""
        scores = self.relative_bias(mask).to(features.dtype)
        features = features + self.dropout(self.self_attention(self.self_norm(features), scores))
        inner = functional.gelu(self.mlp_input(self.mlp_norm(features)))  # [B, L, mlp_width]
        return features + self.dropout(self.mlp_output(inner))
