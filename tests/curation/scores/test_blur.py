"""Sharpness by hand, and that blurring lowers it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import ImageFilter

from pairsmith.curation.encoders import SharedModels
from pairsmith.curation.scores.blur import BlurSettings, Sharpness, laplacian_variance
from pairsmith.curation.scoring import score_pairs
from pairsmith.errors import InputError
from pairsmith.pairs.scores import read_scores
from tests.curation.stores import picture_store, smooth_picture


def test_by_hand() -> None:
    grey = np.zeros((3, 3), np.uint8)
    grey[1, 1] = 8
    # Mirrored borders: the corners see nothing, each edge sees the centre twice, the centre sees -4 * 8.
    laplacian = np.array([[0, 16, 0], [16, -32, 16], [0, 16, 0]])
    assert laplacian_variance(grey) == pytest.approx(laplacian.var())
    assert laplacian_variance(np.full((5, 4), 77, np.uint8)) == 0


def test_a_ramp_has_no_laplacian_inside() -> None:
    ramp = np.tile(np.arange(0, 60, 3, dtype=np.uint8), (9, 1))
    edges = np.zeros((9, 20))
    edges[:, 0], edges[:, -1] = 6, -6  # the mirrored neighbour on one side
    assert laplacian_variance(ramp) == pytest.approx(edges.var())


def test_blurred_pictures_score_lower() -> None:
    picture = smooth_picture(0, 64)
    sharp, soft = (np.asarray(one.convert("L")) for one in (picture, picture.filter(ImageFilter.GaussianBlur(4))))
    assert laplacian_variance(soft) < 0.5 * laplacian_variance(sharp)


def test_of_a_store_at_a_side(tmp_path: Path) -> None:
    store = picture_store(tmp_path, 3, size=64)
    models = SharedModels()
    score_pairs(store, {"a": Sharpness(BlurSettings(), models), "b": Sharpness(BlurSettings(side=32), models)})
    expected = [laplacian_variance(np.asarray(smooth_picture(at, 64).convert("L"))) for at in range(3)]
    np.testing.assert_allclose(read_scores(store, "a"), expected)
    smaller = [laplacian_variance(np.asarray(smooth_picture(at, 64).resize((32, 32), 2).convert("L"))) for at in (0, 1)]
    np.testing.assert_allclose(read_scores(store, "b")[:2], smaller)


def test_a_line_has_no_sharpness() -> None:
    with pytest.raises(InputError, match="no sharpness"):
        laplacian_variance(np.zeros((1, 9), np.uint8))
