"""The masked text-to-image transformer (Muse §2.3, Synth² §3.2): all tokens of a picture at once, some of them MASK.

Pre-norm blocks of self-attention, cross-attention to text and MLP; learned row and column positions; exactly
`codebook_size` logits, so that MASK can be read but never proposed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from pairsmith.generators.base import TokenGenerator
from pairsmith.generators.blocks import Block
from pairsmith.generators.codebook import initialise_ends, make_embedding, make_head, propose, read
from pairsmith.generators.conditioning import TextConditioner, TextContext
from pairsmith.generators.config import GeneratorConfig
from pairsmith.generators.sampling import SamplingSettings, sample

INIT_STD = 0.02


class MaskedGenerator(TokenGenerator):
    """Predicts the masked tokens of a picture from its known tokens and a caption.

    Attributes:
        config: the architecture.
        mask_id: the id that stands for an unknown token, one above the last code.
    """

    KIND = "a masked generator"
    MARKS: ClassVar = {"model_type": "pairsmith-masked-generator"}
    CONFIG = GeneratorConfig
    config: GeneratorConfig
    conditioner: TextConditioner

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self.mask_id = config.mask_id
        self.conditioner = TextConditioner(config)
        self.code_vectors, self.embedding = make_embedding(config)
        self.row_positions = nn.Parameter(torch.empty(config.grid, config.width))
        self.column_positions = nn.Parameter(torch.empty(config.grid, config.width))
        self.input_norm = nn.LayerNorm(config.width)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.output_norm = nn.LayerNorm(config.width)
        self.head = make_head(config)
        self._initialise()

    def forward(self, tokens: Tensor, context: TextContext, positions: Tensor | None = None) -> Tensor:
        """Logits of every code, at all positions or only where they are needed.

        Args:
            tokens: [B, N] int64 in raster order, `mask_id` where unknown.
            context: text of the same B rows, from `encode_text`.
            positions: None for all; [B, M] int64 positions in each row; or [P] int64 flat positions (row * N +
                position) when rows need different numbers of them.

        Returns:
            float32 logits, [B, N, K], [B, M, K] or [P, K].
        """
        hidden = self.hidden_states(tokens, context)  # [B, N, W]
        if positions is not None:
            if positions.ndim == 1:
                hidden = hidden.flatten(0, 1)[positions]  # [P, W]
            else:
                hidden = hidden.gather(1, positions[..., None].expand(-1, -1, hidden.shape[-1]))  # [B, M, W]
        return propose(self.head, self.output_norm(hidden), self.code_vectors)

    def hidden_states(self, tokens: Tensor, context: TextContext) -> Tensor:
        """The residual stream after the last block, [B, N, W]."""
        hidden = read(self.embedding, tokens, self.code_vectors)
        positions = self.row_positions[:, None] + self.column_positions[None]  # [grid, grid, W]
        hidden = self.dropout(self.input_norm(hidden + positions.flatten(0, 1)))
        # unbind, not indexing: the gradient of an index fills and adds a tensor of all layers once a layer.
        for block, keys, values in zip(self.blocks, context.keys.unbind(), context.values.unbind(), strict=True):
            hidden = block(hidden, keys, values, context.mask)
        return hidden

    def _context(self, text: Tensor, text_mask: Tensor, drop: Tensor | None) -> TextContext:
        return self.conditioner(text, text_mask, drop)

    def draw(self, text: Tensor, text_mask: Tensor, settings: SamplingSettings, seeds: Sequence[int]) -> Tensor:
        """Tokens [B, N] int64 of one picture a row; see `pairsmith.generators.sampling.sample`."""
        return sample(self, text, text_mask, settings, seeds)

    @torch.no_grad()
    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                # Not a fixed 0.02: in a narrow model that leaves the text too faint to be learnt from for long.
                nn.init.trunc_normal_(module.weight, std=module.in_features**-0.5)
                nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Embedding):
                nn.init.trunc_normal_(module.weight, std=INIT_STD)
        for parameter in (self.row_positions, self.column_positions):
            nn.init.trunc_normal_(parameter, std=INIT_STD)
        self.conditioner.initialise(INIT_STD)
        for block in self.blocks:
            assert isinstance(block, Block)
            block.scale_outputs((3 * self.config.layers) ** -0.5)
        initialise_ends(self.embedding, self.head, INIT_STD)
