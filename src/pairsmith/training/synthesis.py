"""Makes synthetic images inside a training step, as the paper does: captions to tokens by the frozen generator.

The seed of an image comes from (run seed, row id, epoch), so an epoch brings new pictures of the same captions, which
the paper credits as an augmentation, and a resumed run draws the same ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pairsmith.generators.base import TokenGenerator
from pairsmith.generators.text import TextEncoder
from pairsmith.seeds import row_seed
from pairsmith.settings import Settings


class Synthesizer:
    """Captions to tokens.

    Args:
        generator: the model that draws; used in eval mode.
        text_encoder: of the language model it was trained with.
        sampling: how it draws, settings of its kind.
        seed: of the run.

    Raises:
        InputError: the text encoder is another than the one that the generator was trained to read.
    """

    def __init__(self, generator: TokenGenerator, text_encoder: TextEncoder, sampling: Settings, seed: int) -> None:
        text_encoder.check_reader(generator.config)
        self.generator = generator
        self.text_encoder = text_encoder
        self.sampling = sampling
        self.seed = seed

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """The frozen networks, to be moved to the device that trains."""
        return {"generator": self.generator, "text_encoder": self.text_encoder.lm}

    @torch.no_grad()
    def tokens(self, captions: Sequence[str], ids: Sequence[str], epochs: Sequence[int] | None = None) -> Tensor:
        """Tokens [B, N] int64 of one picture for each caption, drawn by the row's id and epoch."""
        epochs = epochs if epochs is not None else [0] * len(ids)
        seeds = [row_seed(self.seed, row_id, f"image/{epoch}") for row_id, epoch in zip(ids, epochs, strict=True)]
        text, text_mask = self.text_encoder.encode(captions)
        return self.generator.draw(text, text_mask, self.sampling, seeds)

    def settings(self) -> dict[str, Any]:
        """What decides the pictures, in JSON types."""
        return {
            "generator": self.generator.fingerprint(),
            "sampling": self.sampling.to_dict(),
            "text_layer": self.text_encoder.layer,
            "seed": self.seed,
        }
