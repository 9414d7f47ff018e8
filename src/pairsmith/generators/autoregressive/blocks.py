"""The decoder's block as in LLaMA: RMS norms, rotary self-attention, gated MLP, no biases.

It runs over the caption first, whose keys and values are kept, and then over the picture's tokens, which attend to
those and to each other.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from pairsmith.attention import merge_heads, split_heads
from pairsmith.generators.autoregressive.config import AutoregressiveConfig
from pairsmith.generators.autoregressive.rotary import rotate

NORM_EPSILON = 1e-5
Extend = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Keys and values [B, H, T, Dh] of the newest tokens -> of all to attend to, [B, H, S, Dh], the newest last."""


class DecoderBlock(nn.Module):
    """Pre-norm self-attention and SwiGLU MLP; dropout on what each adds to the residual stream."""

    def __init__(self, config: AutoregressiveConfig) -> None:
        super().__init__()
        width, inner = config.width, config.mlp_width
        self.heads = config.heads
        self.self_norm = nn.RMSNorm(width, eps=NORM_EPSILON)
        self.query_key_value = nn.Linear(width, 3 * width, bias=False)
        self.attention_output = nn.Linear(width, width, bias=False)
        self.mlp_norm = nn.RMSNorm(width, eps=NORM_EPSILON)
        self.mlp_input = nn.Linear(width, 2 * inner, bias=False)  # what is gated, and its gate
        self.mlp_output = nn.Linear(inner, width, bias=False)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, hidden: Tensor, cosines: Tensor, sines: Tensor, mask: Tensor, extend: Extend | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """One block.

        Args:
            hidden: [B, T, W].
            cosines: [T, Dh / 2] float32, of the tokens' places.
            sines: like `cosines`.
            mask: bool, broadcast to [B, H, T, S], True where a token may attend to a key.
            extend: adds the keys and values of what came before; None: nothing did.

        Returns:
            [B, T, W], and the T tokens' own keys and values [B, H, T, Dh].
        """
        query, keys, values = (
            split_heads(part, self.heads) for part in self.query_key_value(self.self_norm(hidden)).chunk(3, dim=-1)
        )
        query, keys = rotate(query, cosines, sines), rotate(keys, cosines, sines)
        all_keys, all_values = (keys, values) if extend is None else extend(keys, values)
        attended = functional.scaled_dot_product_attention(query, all_keys, all_values, attn_mask=mask)
        hidden = hidden + self.dropout(self.attention_output(merge_heads(attended)))
        gated, gate = self.mlp_input(self.mlp_norm(hidden)).chunk(2, dim=-1)  # [B, T, mlp_width] each
        return hidden + self.dropout(self.mlp_output(gated * functional.silu(gate))), keys, values

    @torch.no_grad()
    def scale_outputs(self, factor: float) -> None:
        """Shrink the initial weights of the two layers that write to the residual stream."""
        for layer in (self.attention_output, self.mlp_output):
            layer.weight.mul_(factor)
