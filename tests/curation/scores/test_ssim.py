"""Self-SSIM against the published script's steps with scikit-image, and against its own definition."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pairsmith.curation.encoders import SharedModels
from pairsmith.curation.scores.ssim import SelfSsim, SsimSettings
from pairsmith.curation.scoring import score_pairs
from pairsmith.pairs import PairStore, decode_image
from pairsmith.pairs.scores import read_score_column, read_scores
from tests.curation.stores import picture_store


def published(picture: Image.Image, base: int, size: int) -> float:
    """The steps of the published selection: base, size, base, grey, scikit-image's defaults."""
    metrics = pytest.importorskip("skimage.metrics")
    first = picture.resize((base, base), Image.Resampling.BILINEAR)
    second = first.resize((size, size), Image.Resampling.BILINEAR).resize((base, base), Image.Resampling.BILINEAR)
    return metrics.structural_similarity(np.array(first.convert("L")), np.array(second.convert("L")))


def scored(store: PairStore, **settings: object) -> np.ndarray:
    score_pairs(store, {"ssim": SelfSsim(SsimSettings(**settings), SharedModels())}, batch_rows=3)
    return read_scores(store, "ssim")


def test_is_the_published_formula(tmp_path: Path) -> None:
    store = picture_store(tmp_path, 4, size=100)
    expected = [published(decode_image(pair.image), 160, 60) for pair in store.iter_pairs()]
    np.testing.assert_allclose(scored(store, base=160, size=60), expected, atol=1e-6)


def test_the_published_sizes_are_the_default(tmp_path: Path) -> None:
    assert SsimSettings() == SsimSettings(base=768, size=336, filter="bilinear")
    store = picture_store(tmp_path, 1, size=300)
    expected = published(decode_image(store.pair(0).image), 768, 336)
    np.testing.assert_allclose(scored(store), [expected], atol=1e-6)


def test_pictures_of_different_sizes_at_their_own(tmp_path: Path) -> None:
    pairs = [pair for size in (40, 56) for pair in picture_store(tmp_path / str(size), 2, size=size).iter_pairs()]
    store = PairStore.write(tmp_path / "all", [replace(pair, id=str(at)) for at, pair in enumerate(pairs)], settings={})
    values = scored(store, base=None, size=20)
    for at, pair in enumerate(pairs):
        picture = decode_image(pair.image)
        assert values[at] == pytest.approx(published(picture, picture.width, 20), abs=1e-6)


def test_two_settings_in_one_pass_do_not_mix(tmp_path: Path) -> None:
    store = picture_store(tmp_path, 3)
    models = SharedModels()
    settings = {"a": SsimSettings(base=64, size=24), "b": SsimSettings(base=64, size=12)}
    score_pairs(store, {name: SelfSsim(one, models) for name, one in settings.items()})
    for name, one in settings.items():
        expected = [published(decode_image(pair.image), 64, one.size) for pair in store.iter_pairs()]
        np.testing.assert_allclose(read_scores(store, name), expected, atol=1e-6)


def test_nothing_is_lost_at_the_size_itself(tmp_path: Path) -> None:
    store = picture_store(tmp_path, 2)
    np.testing.assert_allclose(scored(store, base=48, size=48), 1, atol=1e-7)


def test_a_picture_too_small_has_a_reason(tmp_path: Path) -> None:
    pairs = [*picture_store(tmp_path / "a", 1).iter_pairs(), *picture_store(tmp_path / "b", 1, size=6).iter_pairs()]
    store = PairStore.write(tmp_path / "c", [replace(pair, id=str(at)) for at, pair in enumerate(pairs)], settings={})
    score_pairs(store, {"ssim": SelfSsim(SsimSettings(base=None, size=20), SharedModels())})
    found = read_score_column(store, "ssim")
    assert np.isfinite(found.values[0])
    assert "at least 7 x 7" in str(found.reasons[1])
