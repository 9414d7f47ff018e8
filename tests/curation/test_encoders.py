"""Models that scores share: the split transform is the transform to the bit, whatever the picture's shape."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision.transforms import Compose, Lambda

from pairsmith.curation.encoders import SharedModels, _split
from pairsmith.evaluation.image_text.open_clip_encoder import load_open_clip


def pictures() -> list[Image.Image]:
    generator = np.random.default_rng(0)
    shapes = [(50, 40, 3), (32, 32, 3), (20, 90, 3), (7, 5, 3)]
    return [Image.fromarray(generator.integers(0, 256, shape, np.uint8)) for shape in shapes]


def test_split_is_the_transform_to_the_bit(clip_folder: Path) -> None:
    transform = load_open_clip(str(clip_folder)).transform
    prepare, finish = _split(transform)
    assert finish is not None
    prepared = np.stack([prepare(picture) for picture in pictures()])
    assert prepared.dtype == np.uint8
    whole = torch.stack([transform(picture) for picture in pictures()])
    assert torch.equal(finish(torch.from_numpy(prepared)), whole)


def test_another_transform_is_used_whole() -> None:
    prepare, finish = _split(Compose([Lambda(lambda picture: np.asarray(picture.resize((4, 4)), np.float32))]))
    assert finish is None
    assert prepare(pictures()[0]).shape == (4, 4, 3)


def test_one_name_is_one_model() -> None:
    models = SharedModels()
    assert models.encoder("a") is models.encoder("a")
    assert models.encoder("a") is not models.encoder("b")
