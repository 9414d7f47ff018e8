"""A dual encoder that encodes every picture and every text once, however many tests ask for it.

A suite of tests shows the same pictures and captions again and again. What was encoded first is what all tests get, so
that a text's features cannot differ in the last bit between two of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

import torch
from PIL import Image

from pairsmith.evaluation.image_text.dual_encoder import DualEncoder

Item = TypeVar("Item")


class RememberingEncoder:
    """Wraps a dual encoder; features stay in memory, on the CPU.

    Args:
        encoder: who encodes.
    """

    def __init__(self, encoder: DualEncoder) -> None:
        self.name = encoder.name
        self._encoder = encoder
        self._images: dict[Hashable, torch.Tensor] = {}
        self._texts: dict[Hashable, torch.Tensor] = {}

    def encode_images(self, images: Sequence[Image.Image]) -> torch.Tensor:
        """RGB pictures of any size -> [B, D]; equal pixels are one picture."""
        keys = [(image.size, hashlib.sha256(image.tobytes()).digest()) for image in images]
        return _remember(images, keys, self._images, self._encoder.encode_images)

    def encode_texts(self, texts: Sequence[str]) -> torch.Tensor:
        """[B, D]."""
        return _remember(texts, texts, self._texts, self._encoder.encode_texts)


def _remember(
    items: Sequence[Item],
    keys: Sequence[Hashable],
    known: dict[Hashable, torch.Tensor],
    encode: Callable[[Sequence[Item]], torch.Tensor],
) -> torch.Tensor:
    new = {key: item for key, item in zip(keys, items, strict=True) if key not in known}
    if new:
        known.update(zip(new, encode(list(new.values())).cpu(), strict=True))
    return torch.stack([known[key] for key in keys])
