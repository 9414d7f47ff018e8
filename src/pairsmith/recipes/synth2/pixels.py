"""The pictures that the tokenizer is trained on, as pixels: decoded once, and then read from disk.

Picking random rows out of a store reads whole groups of encoded rows, and decoding each picture anew in every epoch
costs more than a step of a small model; raw pixels in a mapped file cost neither time nor memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pairsmith.pairs import PairStore
from pairsmith.pairs.atomic import atomic_file
from pairsmith.pairs.images import load_pixels


class PixelSource:
    """Pictures of a store as {"pixels": uint8 [B, 3, S, S]}.

    Args:
        store: rows with images.
        size: pixels a side.
        file: where the raw pixels lie, size * size * 3 bytes a picture; made, whole or not at all, if it is not there.

    Raises:
        InputError: the file cannot be written, as on a full disk.
    """

    def __init__(self, store: PairStore, size: int, file: Path) -> None:
        shape = (len(store), 3, size, size)
        if len(store) and not file.is_file():
            file.parent.mkdir(parents=True, exist_ok=True)
            # Written, not mapped: a full disk is an error when writing, and kills a process that writes to a map.
            with atomic_file(file) as output:
                for pair in store.iter_pairs(["id", "caption", "image"]):
                    output.write(to_bytes(load_pixels(pair.image or b"", size)))
        self._pixels = np.memmap(file, np.uint8, "r", shape=shape) if len(store) else np.empty(shape, np.uint8)

    def __len__(self) -> int:
        return len(self._pixels)

    def collate(self, indices: Sequence[int], epochs: Sequence[int]) -> dict[str, np.ndarray]:
        return {"pixels": np.array(self._pixels[np.asarray(indices)])}  # [B, 3, S, S]


def to_bytes(pixels: np.ndarray) -> bytes:
    """Pixels in [0, 1] with 8 bits each."""
    return (pixels * 255 + 0.5).astype(np.uint8).tobytes()
