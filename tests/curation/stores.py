"""Small stores of pictures for the tests of curation, and scores that need no model."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pairsmith.curation.score import Batch, View
from pairsmith.curation.scoring import score_pairs
from pairsmith.pairs import Pair, PairStore, encode_image, imported_id
from pairsmith.pairs.atomic import CRASH_VARIABLE


def smooth_picture(number: int, size: int = 48) -> Image.Image:
    """A picture with large soft shapes, different for every number."""
    noise = np.random.default_rng(number).integers(0, 256, (6, 6, 3), np.uint8)
    return Image.fromarray(noise).resize((size, size), Image.Resampling.BICUBIC)


def picture_store(
    folder: Path, count: int = 10, *, size: int = 48, groups: int = 1, broken: Sequence[int] = ()
) -> PairStore:
    """`count` pairs with pictures, `groups` of each caption; the numbers in `broken` hold no picture's bytes."""
    pairs = [
        Pair(
            id=imported_id("test", str(number)),
            caption=f"picture {number // groups}",
            group=f"group {number // groups}",
            image=b"no picture" if number in broken else encode_image(smooth_picture(number, size)),
        )
        for number in range(count)
    ]
    return PairStore.write(folder, pairs, settings={"count": count, "size": size}, shard_rows=7)


class Brightness:
    """The mean grey level; fails with a reason of its own on captions that say so."""

    def __init__(self, fail: str = "", version: int = 0) -> None:
        self.fail, self.version = fail, version
        self.computed: list[str] = []
        self.loaded = 0

    def describe(self) -> dict[str, Any]:
        return {"score": "brightness", "version": self.version}

    def load(self) -> None:
        self.loaded += 1

    def views(self) -> Mapping[str, View]:
        return {"grey": lambda picture: np.asarray(picture.convert("L"))}

    def compute(self, batch: Batch) -> np.ndarray:
        if self.fail and any(self.fail in caption for caption in batch.captions):
            raise ValueError(f"no brightness of {self.fail}")
        self.computed += batch.ids
        return np.array([grey.mean() for grey in batch.views["grey"]])


class Length:
    """The length of the caption: a score that looks at no picture."""

    def describe(self) -> dict[str, Any]:
        return {"score": "length"}

    def load(self) -> None:
        pass

    def views(self) -> Mapping[str, View]:
        return {}

    def compute(self, batch: Batch) -> np.ndarray:
        return np.array([len(caption) for caption in batch.captions])


def score_until_crash(folder: Path, crash_at: str) -> None:
    """The body of a process that dies at a crash point."""
    os.environ[CRASH_VARIABLE] = crash_at
    score_pairs(
        PairStore(folder), {"brightness": Brightness(), "length": Length()}, batch_rows=3, part_rows=6, threads=2
    )
