"""Rows for the tests of the pair store."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from PIL import Image

from pairsmith.pairs import Pair, encode_image, imported_id

NUM_TOKENS = 6


def picture(number: int, size: tuple[int, int] = (8, 8)) -> Image.Image:
    """Noise that depends on `number` alone."""
    noise = np.random.default_rng(number).integers(0, 256, (size[1], size[0], 3), np.uint8)
    return Image.fromarray(noise)


def make_pair(number: int, images: bool = True, tokens: bool = True) -> Pair:
    """A row with every column filled, differently for every number."""
    return Pair(
        id=imported_id("test", str(number)),
        caption=f"caption {number}",
        group=f"group {number // 2}",
        references=tuple(f"reference {at} of {number}" for at in range(number % 3)),
        negative=f"negative {number}" if number % 2 else None,
        negative_kind="swap" if number % 2 else None,
        concept="cat",
        image=encode_image(picture(number)) if images else None,
        image_path=f"{number}.png" if images else None,
        tokens=(np.arange(NUM_TOKENS) + number).astype(np.uint16) if tokens else None,
        generator="noise",
        seed=number * 2**40,
        settings="0123456789abcdef",
    )


def make_pairs(count: int, images: bool = True, tokens: bool = True) -> list[Pair]:
    return [make_pair(number, images, tokens) for number in range(count)]


def folder_bytes(folder: Path) -> dict[str, str]:
    """File name -> SHA-256 for everything below `folder`."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
