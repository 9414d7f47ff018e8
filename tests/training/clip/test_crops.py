"""Random crops: within bounds, of the area and ratio asked for, and a function of their generator."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pairsmith.pairs.images import load_pixels
from pairsmith.scenes.datasets import encode_png
from pairsmith.training.clip.crops import CropSettings, crop_box, cropped_pixels

WHOLE = CropSettings(area=(1.0, 1.0))
NOISE = np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8)


@settings(max_examples=100, deadline=None)
@given(st.integers(20, 400), st.integers(20, 400), st.integers(0, 10_000))
def test_boxes_have_the_area_and_ratio_asked_for(width, height, seed):
    left, top, right, bottom = crop_box(width, height, CropSettings(), np.random.default_rng(seed))
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    ratio = (right - left) / (bottom - top)
    assert 3 / 4 * 0.9 <= ratio <= 4 / 3 * 1.1
    centred = left + right == width and top + bottom == height
    assert centred or (right - left) * (bottom - top) >= 0.5 * width * height * 0.9


def test_crops_differ_and_cover_the_picture():
    boxes = [crop_box(100, 100, CropSettings(), np.random.default_rng(seed)) for seed in range(300)]
    areas = [(right - left) * (bottom - top) / 10_000 for left, top, right, bottom in boxes]
    assert 0.48 < min(areas) < 0.55
    assert max(areas) > 0.9
    assert min(box[0] for box in boxes) == 0
    assert max(box[2] for box in boxes) == 100


def test_without_crop_it_is_the_centred_square():
    found = cropped_pixels(encode_png(NOISE), 16, WHOLE, np.random.default_rng(0), "bicubic")
    expected = load_pixels(encode_png(NOISE), 16) * 255
    assert found.dtype == np.uint8
    np.testing.assert_allclose(found, expected, atol=0.5)
    square = NOISE[:, 8:32]
    untouched = cropped_pixels(encode_png(square), 24, WHOLE, np.random.default_rng(0))
    assert (untouched == square.transpose(2, 0, 1)).all()


def test_equal_generators_give_equal_pixels():
    first, again, other = (
        cropped_pixels(encode_png(NOISE), 16, CropSettings(), np.random.default_rng(seed)) for seed in (0, 0, 1)
    )
    assert (first == again).all()
    assert (first != other).any()
