"""Feature extraction: order, batches, resizing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from pairsmith.errors import InputError
from pairsmith.evaluation.features import ModuleExtractor, extract, extract_batches, resize_pixels, tokenizer_extractor
from pairsmith.evaluation.frechet import FeatureStatistics


def _images(count: int) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [generator.integers(0, 256, size=(12 + index, 10, 3), dtype=np.uint8) for index in range(count)]


def test_batches_do_not_change_features_and_order_is_kept() -> None:
    extractor = ModuleExtractor(lambda pixels: pixels, "mean colour", size=8)
    images = _images(5)
    together = extract(images, extractor, batch_size=5)
    assert together.shape == (5, 3)
    assert together.dtype == np.float64
    np.testing.assert_allclose(extract(iter(images), extractor, batch_size=2), together, rtol=1e-6)
    np.testing.assert_allclose(together[3], resize_pixels(images[3], 8).mean(axis=(1, 2)), rtol=1e-5)
    statistics = FeatureStatistics(3)
    for batch in extract_batches(images, extractor, 2):
        statistics.update(batch)
    np.testing.assert_allclose(statistics.mean, together.mean(0), rtol=1e-6)


@pytest.mark.parametrize("size", [7, 40])
def test_resizing_is_torchs_antialiased_bicubic_without_rounding(size: int) -> None:
    pixels = _images(3)[2]
    values = torch.from_numpy(pixels).permute(2, 0, 1)[None].double() / 255
    expected = torch.nn.functional.interpolate(values, (size, size), mode="bicubic", antialias=True).clamp(0, 1)[0]
    np.testing.assert_allclose(resize_pixels(pixels, size), expected, atol=1e-4)


def test_all_forms_of_an_image_agree() -> None:
    pixels = _images(1)[0]
    as_floats = np.moveaxis(pixels, 2, 0).astype(np.float32) / 255
    resized = resize_pixels(pixels, 6)
    assert resized.shape == (3, 6, 6)
    assert resized.dtype == np.float32
    np.testing.assert_array_equal(resize_pixels(Image.fromarray(pixels), 6), resized)
    np.testing.assert_allclose(resize_pixels(as_floats, 6), resized, atol=1e-6)


def test_resizing_is_antialiased_and_not_rounded() -> None:
    stripes = np.zeros((64, 64, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    small = resize_pixels(stripes, 8)
    assert np.abs(small - 0.5).max() < 0.1  # picking single pixels would give 0 or 1
    ramp = np.repeat(np.arange(64, dtype=np.uint8)[None, :, None], 64, axis=0).repeat(3, axis=2)
    values = resize_pixels(ramp, 24) * 255
    assert np.abs(values - np.round(values)).max() > 0.1


def test_normalisation_and_pooling_of_a_module() -> None:
    extractor = ModuleExtractor(torch.nn.Identity(), "x", size=4, mean=(0.5, 0.5, 0.5), std=(0.25, 0.5, 1.0))
    features = extract([np.full((4, 4, 3), 255, dtype=np.uint8)], extractor)
    np.testing.assert_allclose(features, [[2.0, 1.0, 0.5]])


def test_tokenizer_features_are_averaged_code_vectors() -> None:
    class Tokenizer(torch.nn.Module):
        def encode(self, pixels: torch.Tensor) -> torch.Tensor:
            return (pixels[:, 0] > 0.5).long().flatten(1)  # [B, N]

        def embed(self, tokens: torch.Tensor) -> torch.Tensor:
            return torch.eye(2)[tokens]  # [B, N, 2]

    image = np.zeros((4, 4, 3), dtype=np.uint8)
    image[:1] = 255
    np.testing.assert_allclose(extract([image], tokenizer_extractor(Tokenizer(), 4)), [[0.75, 0.25]])


def test_bad_images_and_extractors_are_named() -> None:
    with pytest.raises(InputError, match="no images"):
        extract([], ModuleExtractor(torch.nn.Identity(), "x", 4))
    with pytest.raises(InputError, match="'flat' gave shape"):
        extract(_images(2), ModuleExtractor(lambda pixels: pixels.flatten(), "flat", 4))
    with pytest.raises(InputError, match="not uint8"):
        resize_pixels(np.zeros((4, 4), dtype=np.uint8), 4)
