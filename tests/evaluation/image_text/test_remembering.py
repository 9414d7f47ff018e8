"""Remembered features are those of the encoder, and nothing is encoded twice."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from pairsmith.evaluation.image_text.remembering import RememberingEncoder


class Counting:
    name = "counting"

    def __init__(self):
        self.images = self.texts = 0

    def encode_images(self, images):
        self.images += len(images)
        return torch.tensor([[float(np.asarray(image).sum()), float(image.width)] for image in images])

    def encode_texts(self, texts):
        self.texts += len(texts)
        return torch.tensor([[float(len(text)), 1.0] for text in texts])


def picture(value, size=(4, 4)):
    return Image.new("RGB", size, (value, 0, 0))


def test_each_picture_and_text_once():
    inner = Counting()
    encoder = RememberingEncoder(inner)
    first = encoder.encode_images([picture(1), picture(2), picture(1)])
    again = encoder.encode_images([picture(2), picture(3)])
    assert inner.images == 3
    assert torch.equal(first[1], again[0])
    assert torch.equal(first, Counting().encode_images([picture(1), picture(2), picture(1)]))
    said = encoder.encode_texts(["ab", "abc", "ab"])
    assert torch.equal(encoder.encode_texts(["abc"])[0], said[1])
    assert inner.texts == 2
    assert encoder.name == "counting"


def test_equal_bytes_of_another_size_are_another_picture():
    encoder = RememberingEncoder(Counting())
    wide, tall = encoder.encode_images([picture(0, (2, 8)), picture(0, (8, 2))])
    assert not torch.equal(wide, tall)
