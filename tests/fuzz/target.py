"""What a kind of wrong input is: how one is made, and how it is read; and what no row that comes out may hold."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from pairsmith.pairs import Pair, encode_image
from tests.fuzz.mutations import Random

SECRET = encode_image(Image.new("RGB", (5, 3), (1, 2, 3)))
"""A picture outside of every source: rows must never hold it."""
Make = Callable[[Random], bytes]
Feed = Callable[[bytes, Path, Random], int]


@dataclass(frozen=True)
class Target:
    """One kind of input.

    Attributes:
        make: a wrong input from a generator.
        feed: reads it in an empty folder and returns the number of rows that came out.
    """

    make: Make
    feed: Feed


def picture(number: int, format: str = "PNG", side: int = 8) -> bytes:
    """A small picture of noise."""
    pixels = np.random.default_rng(number).integers(0, 256, (side, side, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format)
    return out.getvalue()


def check_pair(pair: Pair) -> int:
    """1, for a row that holds nothing from outside of its source."""
    if pair.image == SECRET:
        raise AssertionError("a row holds a picture from outside its source")
    return 1
