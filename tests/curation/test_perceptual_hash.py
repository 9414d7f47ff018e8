"""The perceptual hash: ImageHash's bits, little change for little changes."""

from __future__ import annotations

import numpy as np
import pytest

from pairsmith.curation.perceptual_hash import perceptual_hash
from pairsmith.pairs import decode_image, encode_image
from tests.curation.stores import smooth_picture


def bits(first: np.ndarray, second: np.ndarray) -> int:
    return int(np.unpackbits(first ^ second).sum())


def test_are_image_hashs_bits() -> None:
    imagehash = pytest.importorskip("imagehash")
    for number in range(5):
        picture = smooth_picture(number, 70)
        theirs = np.packbits(imagehash.phash(picture).hash, axis=1)[:, 0]
        assert bits(perceptual_hash(picture), theirs) == 0


def test_copies_are_near_and_others_far() -> None:
    first, other = smooth_picture(1, 64), smooth_picture(2, 64)
    jpeg = decode_image(encode_image(first, "jpeg", 50))
    assert bits(perceptual_hash(first), perceptual_hash(jpeg)) <= 4
    assert bits(perceptual_hash(first), perceptual_hash(first.resize((200, 150)))) <= 4
    assert bits(perceptual_hash(first), perceptual_hash(other)) >= 16
