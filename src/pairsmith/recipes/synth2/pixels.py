"""The pictures that the tokenizer is trained on, as pixels: decoded once, and then read from disk.

Picking random rows out of a store reads whole groups of encoded rows, and decoding each picture anew in every epoch
costs more than a step of a small model; raw pixels in a mapped file cost neither time nor memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pairsmith.pairs import PairStore
from pairsmith.pairs.images import load_pixels


class PixelSource:
    """Pictures of a store as {"pixels": uint8 [B, 3, S, S]}.

    Args:
        store: rows with images.
        size: pixels a side.
        file: where the raw pixels lie, size * size * 3 bytes a picture; made whole, by one rename, if it is not there.
    """

    def __init__(self, store: PairStore, size: int, file: Path) -> None:
        shape = (len(store), 3, size, size)
        if len(store) and not file.is_file():
            file.parent.mkdir(parents=True, exist_ok=True)
            incoming = file.with_suffix(".tmp")
            pixels = np.memmap(incoming, np.uint8, "w+", shape=shape)
            for row, pair in enumerate(store.iter_pairs(["id", "caption", "image"])):
                pixels[row] = load_pixels(pair.image or b"", size) * 255 + 0.5
            pixels.flush()
            del pixels
            incoming.replace(file)
        self._pixels = np.memmap(file, np.uint8, "r", shape=shape) if len(store) else np.empty(shape, np.uint8)

    def __len__(self) -> int:
        return len(self._pixels)

    def collate(self, indices: Sequence[int], epochs: Sequence[int]) -> dict[str, np.ndarray]:
        return {"pixels": np.array(self._pixels[np.asarray(indices)])}  # [B, 3, S, S]
