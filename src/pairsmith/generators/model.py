"""The masked text-to-image transformer (Muse §2.3, Synth² §3.2): all tokens of a picture at once, some of them MASK.

Pre-norm blocks of self-attention, cross-attention to text and MLP; learned row and column positions; exactly
`codebook_size` logits, so that MASK can be read but never proposed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from pairsmith.errors import InputError
from pairsmith.generators.base import TokenGenerator
from pairsmith.generators.blocks import Block
from pairsmith.generators.codebook import CodeVectors, FreeEmbedding, FreeHead, TiedEmbedding, TiedHead
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

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self.mask_id = config.mask_id
        self.conditioner = TextConditioner(config)
        tied = config.codebook_tied and config.code_dim
        self.code_vectors = CodeVectors(config.codebook_size, tied) if tied else None
        self.embedding: nn.Module = (TiedEmbedding if config.codebook_tied else FreeEmbedding)(config)
        self.row_positions = nn.Parameter(torch.empty(config.grid, config.width))
        self.column_positions = nn.Parameter(torch.empty(config.grid, config.width))
        self.input_norm = nn.LayerNorm(config.width)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.output_norm = nn.LayerNorm(config.width)
        self.head: nn.Module = (TiedHead if config.codebook_tied else FreeHead)(config)
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
        hidden = self.output_norm(hidden)
        # Over thousands of codes half precision would merge near-equal logits, so the head always runs in float32.
        with torch.autocast(hidden.device.type, enabled=False):
            if self.code_vectors is None:
                return self.head(hidden.float())
            return self.head(hidden.float(), self.code_vectors())

    def hidden_states(self, tokens: Tensor, context: TextContext) -> Tensor:
        """The residual stream after the last block, [B, N, W]."""
        if self.code_vectors is None:
            hidden = self.embedding(tokens)
        else:
            hidden = self.embedding(tokens, self.code_vectors())
        positions = self.row_positions[:, None] + self.column_positions[None]  # [grid, grid, W]
        hidden = self.dropout(self.input_norm(hidden + positions.flatten(0, 1)))
        # unbind, not indexing: the gradient of an index fills and adds a tensor of all layers once a layer.
        for block, keys, values in zip(self.blocks, context.keys.unbind(), context.values.unbind(), strict=True):
            hidden = block(hidden, keys, values, context.mask)
        return hidden

    def set_codebook(self, codebook: Tensor, floor: float = 1e-4) -> None:
        """Give a tied generator the tokenizer's code vectors; they are whitened and saved with the model.

        Args:
            codebook: [codebook_size, code_dim] float.
            floor: see `pairsmith.generators.codebook.whiten`.

        Raises:
            InputError: the generator is not tied to a codebook, or the shape differs.
        """
        if self.code_vectors is None:
            raise InputError("this generator has free token embeddings: set codebook_tied to use a codebook")
        self.code_vectors.set(codebook, floor)

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
        for parameter in (self.row_positions, self.column_positions, self.conditioner.null_text):
            nn.init.trunc_normal_(parameter, std=INIT_STD)
        nn.init.trunc_normal_(self.conditioner.null_key_value, std=INIT_STD)
        if self.conditioner.text_positions is not None:
            nn.init.trunc_normal_(self.conditioner.text_positions, std=INIT_STD)
        for block in self.blocks:
            assert isinstance(block, Block)
            block.scale_outputs((3 * self.config.layers) ** -0.5)
        if isinstance(self.embedding, TiedEmbedding) and isinstance(self.head, TiedHead):
            nn.init.trunc_normal_(self.embedding.mask, std=INIT_STD)
            # Whitened code vectors have norm sqrt(code_dim): inputs and logits start as small as with free embeddings.
            for projection in (self.embedding.projection, self.head.projection):
                projection.weight.mul_(self.embedding.projection.in_features**-0.5)
            # softplus(-4) = 0.018 on squared norms around code_dim: distances begin faint, and are learnt.
            nn.init.zeros_(self.head.precision.weight)
            nn.init.constant_(self.head.precision.bias, -4.0)
            if self.embedding.residual is not None and self.head.residual is not None:
                nn.init.zeros_(self.embedding.residual.weight)
                nn.init.zeros_(self.head.residual.weight)
