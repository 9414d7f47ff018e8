"""SSIM of bytes: identities, a case worked by hand, and scikit-image's figures."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from pairsmith.curation.structural_similarity import byte_ssim
from pairsmith.errors import InputError


def noise(seed: int, *shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, shape, np.uint8))


def test_a_picture_is_like_itself_and_the_order_is_no_matter() -> None:
    first, second = noise(0, 3, 20, 31), noise(1, 3, 20, 31)
    np.testing.assert_allclose(byte_ssim(first, first), 1, atol=1e-7)
    np.testing.assert_array_equal(byte_ssim(first, second), byte_ssim(second, first))


def test_one_window_by_hand() -> None:
    """Constant pictures: no variance, so SSIM is the comparison of means alone."""
    first, second = torch.full((1, 7, 7), 100, dtype=torch.uint8), torch.full((1, 7, 7), 150, dtype=torch.uint8)
    constant = (0.01 * 255) ** 2
    expected = (2 * 100 * 150 + constant) / (100**2 + 150**2 + constant)
    assert byte_ssim(first, second).item() == pytest.approx(expected, abs=1e-7)


def test_strips_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = noise(2, 2, 40, 30), noise(3, 2, 40, 30)
    whole = byte_ssim(first, second)
    for values in (1, 60 * 5, 60 * 17):
        monkeypatch.setattr("pairsmith.curation.structural_similarity._STRIP", values)
        np.testing.assert_allclose(byte_ssim(first, second), whole, atol=1e-12)


@pytest.mark.parametrize(("low", "high"), [(0, 256), (0, 2), (250, 256), (0, 1)])
def test_agrees_with_scikit_image(low: int, high: int) -> None:
    metrics = pytest.importorskip("skimage.metrics")
    generator = np.random.default_rng(4)
    pairs = generator.integers(low, high, (4, 2, 45, 64), dtype=np.uint8)
    pairs[2, 1] = pairs[2, 0] ^ 1
    ours = byte_ssim(torch.from_numpy(pairs[:, 0]), torch.from_numpy(pairs[:, 1])).numpy()
    theirs = [metrics.structural_similarity(first, second) for first, second in pairs]
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_scikit_images_figure() -> None:
    """What scikit-image 0.26 says of this pair, for machines without it."""
    grid = np.add.outer(np.arange(32) * 7, np.arange(40) * 5) % 256
    first = Image.fromarray(grid.astype(np.uint8))
    second = first.resize((20, 16), Image.Resampling.BILINEAR).resize((40, 32), Image.Resampling.BILINEAR)
    one, other = (torch.from_numpy(np.array(picture))[None] for picture in (first, second))
    assert byte_ssim(one, other).item() == pytest.approx(0.892716515, abs=1e-6)


def test_unfit_pictures_are_refused() -> None:
    with pytest.raises(InputError, match="at least 7 x 7"):
        byte_ssim(noise(0, 1, 6, 9), noise(0, 1, 6, 9))
    with pytest.raises(InputError, match="of one shape"):
        byte_ssim(noise(0, 1, 8, 9), noise(0, 1, 9, 8))
    with pytest.raises(InputError, match="of one shape"):
        byte_ssim(noise(0, 1, 8, 8).float(), noise(0, 1, 8, 8).float())
