"""Renders with any generator that draws tokens: masked, flow matching, autoregressive."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pairsmith.pairs.images import encode_image
from pairsmith.stages.renderer import Drawing, Identity
from pairsmith.tokenizer.model import VQTokenizer
from pairsmith.training.synthesis import Synthesizer

BLOCK_ROWS = 16  # pictures decoded together


class TokenRenderer:
    """Tokens of a `Synthesizer`, and where wanted the pictures that they decode to.

    Args:
        synthesizer: generator, text encoder and how to draw.
        tokenizer: whose codes the generator draws; decodes them where `images`.
        images: whether decoded pictures are stored too (PNG).
        name: of the generator, in the rows.

    Raises:
        InputError: the generator was trained with another tokenizer.
    """

    def __init__(
        self, synthesizer: Synthesizer, tokenizer: VQTokenizer, *, images: bool = False, name: str = "masked"
    ) -> None:
        synthesizer.generator.check_codes(tokenizer)
        self.synthesizer = synthesizer
        self.tokenizer = tokenizer
        self.images = images
        self.name = name
        self.seed = synthesizer.seed

    def identity(self) -> Identity:
        described = self.synthesizer.settings()
        fingerprint = self.tokenizer.fingerprint()
        return Identity(
            revision=described["generator"],
            sampling=described["sampling"],
            settings={"synthesis": described, "images": self.images},
            inputs={"tokenizer": fingerprint},
            num_tokens=self.tokenizer.config.num_tokens,
            tokenizer=fingerprint,
        )

    def draw(self, captions: Sequence[str], ids: Sequence[str], turns: Sequence[int]) -> list[Drawing]:
        tokens = self.synthesizer.tokens(captions, ids, turns)  # [B, N]
        pictures = to_png(decode_blocks(self.tokenizer, tokens)) if self.images else [None] * len(ids)
        rows = tokens.cpu().numpy().astype(np.uint16)
        return [Drawing(tokens=row, image=picture) for row, picture in zip(rows, pictures, strict=True)]

    def remarks(self) -> list[str]:
        encoder = self.synthesizer.text_encoder
        if not encoder.cut:
            return []
        return [f"{encoder.truncated:.1%} of the captions were cut to {encoder.max_length} tokens"]


def decode_blocks(tokenizer: VQTokenizer, tokens: Tensor) -> Tensor:
    """Tokens [B, N] -> pixels [B, 3, H, W] in [0, 1], always `BLOCK_ROWS` rows at a time, the last block padded.

    Kernels may round differently for another number of rows, and a last bit can decide how a pixel is rounded.
    """
    blocks = []
    for start in range(0, len(tokens), BLOCK_ROWS):
        rows = torch.arange(start, start + BLOCK_ROWS, device=tokens.device).clamp(max=len(tokens) - 1)
        blocks.append(tokenizer.decode(tokens[rows]))
    return torch.cat(blocks)[: len(tokens)]


def to_png(pixels: Tensor) -> list[bytes]:
    """PNG bytes of each picture of float [B, 3, H, W] in [0, 1]."""
    arrays = (pixels.clamp(0, 1).permute(0, 2, 3, 1).cpu().numpy() * 255 + 0.5).astype(np.uint8)
    return [encode_image(Image.fromarray(array)) for array in arrays]
