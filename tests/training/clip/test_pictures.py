"""Pictures as they are fed: made once where they are always alike, and the same as those made anew."""

from __future__ import annotations

import numpy as np
import pytest

from pairsmith.training.clip import pictures
from pairsmith.training.clip.crops import CropSettings
from pairsmith.training.clip.pictures import CroppedPictures
from tests.training.clip.data import make_store

ROWS = np.array([3, 0, 3, 7])
WHOLE = CropSettings(area=(1.0, 1.0))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("store"), views=3)


def cropped(store, crop: CropSettings) -> CroppedPictures:
    return CroppedPictures(store, 16, crop, "bilinear", seed=1)


def test_kept_pictures_are_those_made_anew(store, monkeypatch):
    kept = cropped(store, WHOLE)
    first = kept.read(ROWS, 0, 2)
    assert first.shape == (4, 3, 16, 16)
    assert first.dtype == np.uint8
    monkeypatch.setattr(pictures, "IN_MEMORY", 0)
    anew = cropped(store, WHOLE)
    for rows, epoch in ((ROWS, 0), (np.arange(len(store)), 1), (ROWS, 2)):
        assert (kept.read(rows, epoch, 2) == anew.read(rows, epoch, 2)).all()


def test_a_fixed_crop_is_made_once_and_a_drawn_one_each_time(store, monkeypatch):
    made = []
    cut = pictures.cropped_pixels
    monkeypatch.setattr(pictures, "cropped_pixels", lambda *given: made.append(1) or cut(*given))
    everything = np.arange(len(store))
    fixed, drawn = cropped(store, WHOLE), cropped(store, CropSettings(area=(0.3, 0.9)))
    alike = [fixed.read(everything, epoch, 1) for epoch in range(3)]
    assert len(made) == len(store)
    assert (alike[0] == alike[2]).all()
    unlike = [drawn.read(everything, epoch, 1) for epoch in range(2)]
    assert len(made) == 3 * len(store)
    assert (unlike[0] != unlike[1]).any()


def test_what_is_handed_out_can_be_changed(store):
    kept = cropped(store, WHOLE)
    first = kept.read(ROWS, 0, 1)
    copy = first.copy()
    first[:] = 0
    assert (kept.read(ROWS, 1, 1) == copy).all()
