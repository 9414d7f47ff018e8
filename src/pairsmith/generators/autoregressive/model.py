"""The autoregressive text-to-image transformer (LlamaGen): a decoder that reads the caption and draws token by token.

The caption is a prefix whose tokens see each other both ways, since all of it is given. The picture's tokens follow in
raster order, each seeing the caption and what came before it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor, nn

from pairsmith.errors import InputError
from pairsmith.generators.autoregressive.blocks import NORM_EPSILON, DecoderBlock, Extend
from pairsmith.generators.autoregressive.cache import KeyValueCache
from pairsmith.generators.autoregressive.config import AutoregressiveConfig
from pairsmith.generators.autoregressive.rotary import places, turns
from pairsmith.generators.autoregressive.sampling import AutoregressiveSamplingSettings, sample_raster
from pairsmith.generators.base import TokenGenerator
from pairsmith.generators.codebook import initialise_ends, make_embedding, make_head, propose, read
from pairsmith.generators.conditioning import TextContext, TextFeatures, never_nothing

INIT_STD = 0.02


class AutoregressiveGenerator(TokenGenerator):
    """Predicts each token of a picture from the caption and the tokens before it, in raster order.

    Attributes:
        config: the architecture.
        start_id: the id that begins a picture, one above the last code.
    """

    KIND = "an autoregressive generator"
    MARKS: ClassVar = {"model_type": "pairsmith-autoregressive-generator"}
    CONFIG = AutoregressiveConfig
    config: AutoregressiveConfig
    angles: Tensor

    def __init__(self, config: AutoregressiveConfig) -> None:
        super().__init__()
        self.config = config
        self.start_id = config.start_id
        self.conditioner = TextFeatures(config)
        self.code_vectors, self.embedding = make_embedding(config)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(DecoderBlock(config) for _ in range(config.layers))
        self.output_norm = nn.RMSNorm(config.width, eps=NORM_EPSILON)
        self.head = make_head(config)
        angles = turns(places(config.max_text, config.grid), config.width // config.heads)
        self.register_buffer("angles", angles, persistent=False)  # [max_text + 1 + N, Dh / 2]
        self._initialise()

    def forward(self, inputs: Tensor, context: TextContext) -> Tensor:
        """Logits of the token that follows each input, all of them at once.

        Args:
            inputs: [B, T] int64, T up to the tokens of a picture: `start_id`, then codes in raster order.
            context: text of the same B rows, from `encode_text`.

        Returns:
            [B, T, K] float32; place t depends on inputs up to t.

        Raises:
            InputError: more inputs than a picture has tokens.
        """
        rows, length = inputs.shape
        if length > self.config.num_tokens:
            raise InputError(
                f"{length} inputs for a picture of {self.config.num_tokens} tokens: leave the last one out"
            )
        causal = torch.ones(length, length, dtype=torch.bool, device=inputs.device).tril()
        seen = context.mask[:, None, None].expand(rows, 1, length, -1)
        mask = torch.cat((seen, causal.expand(rows, 1, -1, -1)), dim=-1)  # [B, 1, T, S + T]
        # unbind, not indexing: the gradient of an index fills and adds a tensor of all layers once a layer.
        before = list(zip(context.keys.unbind(), context.values.unbind(), strict=True))
        return self._predict(inputs, 0, mask, lambda layer: partial(_after, *before[layer]))

    def advance(self, inputs: Tensor, cache: KeyValueCache) -> Tensor:
        """As `forward` on the next inputs alone, [B, T] -> [B, T, K]; what came before is in the cache, and grows."""
        done = cache.length - cache.prefix
        logits = self._predict(inputs, done, cache.mask(inputs.shape[1]), lambda layer: partial(cache.extend, layer))
        cache.advance(inputs.shape[1])
        return logits

    def shifted(self, tokens: Tensor) -> Tensor:
        """The inputs from which whole pictures [B, N] are predicted: the start, and all tokens but the last."""
        return torch.cat((tokens.new_full((len(tokens), 1), self.start_id), tokens[:, :-1]), dim=1)

    def draw(
        self, text: Tensor, text_mask: Tensor, settings: AutoregressiveSamplingSettings, seeds: Sequence[int]
    ) -> Tensor:
        """Tokens [B, N] int64 of one picture a row; see `sample_raster`."""
        return sample_raster(self, text, text_mask, settings, seeds)

    def _context(self, text: Tensor, text_mask: Tensor, drop: Tensor | None) -> TextContext:
        hidden, text_mask = self.conditioner.features(text, text_mask, drop)
        hidden = self.dropout(hidden)
        length = text_mask.shape[1]
        cosines, sines = self._rotation(slice(0, length))
        mask = never_nothing(text_mask)[:, None, None]  # [B, 1, 1, L]
        made = []
        for block in self.blocks:
            hidden, keys, values = block(hidden, cosines, sines, mask)
            made.append((keys, values))
        all_keys, all_values = (torch.stack(part) for part in zip(*made, strict=True))
        return TextContext(all_keys, all_values, text_mask)

    def _predict(self, inputs: Tensor, first: int, mask: Tensor, before: Callable[[int], Extend]) -> Tensor:
        start = self.config.max_text + first
        cosines, sines = self._rotation(slice(start, start + inputs.shape[1]))
        hidden = self.dropout(read(self.embedding, inputs, self.code_vectors))  # [B, T, W]
        for layer, block in enumerate(self.blocks):
            hidden, _, _ = block(hidden, cosines, sines, mask, before(layer))
        return propose(self.head, self.output_norm(hidden), self.code_vectors)

    def _rotation(self, where: slice) -> tuple[Tensor, Tensor]:
        angles = self.angles[where].float()
        return angles.cos(), angles.sin()

    @torch.no_grad()
    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                # Not a fixed 0.02: in a narrow model that leaves the text too faint to be learnt from for long.
                nn.init.trunc_normal_(module.weight, std=module.in_features**-0.5)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Embedding):
                nn.init.trunc_normal_(module.weight, std=INIT_STD)
        self.conditioner.initialise(INIT_STD)
        for block in self.blocks:
            assert isinstance(block, DecoderBlock)
            block.scale_outputs((2 * self.config.layers) ** -0.5)
        initialise_ends(self.embedding, self.head, INIT_STD)


def _after(past_keys: Tensor, past_values: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    return torch.cat((past_keys, keys), dim=2), torch.cat((past_values, values), dim=2)
