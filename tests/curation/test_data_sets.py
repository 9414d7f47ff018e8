"""Sets side by side: means, intervals over captions, differences, and scores that do not compare."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pairsmith.curation.data_sets import DataSet, compare_sets
from pairsmith.errors import InputError
from pairsmith.pairs import Pair, PairStore
from pairsmith.pairs.scores import Selection, write_scores, write_selection


def scored(folder: Path, clip: np.ndarray, ssim: np.ndarray, *, pictures: int = 1, model: str = "b32") -> PairStore:
    pairs = [
        Pair(id=f"{at}", caption=f"caption {at // pictures}", group=f"{at // pictures}") for at in range(len(clip))
    ]
    store = PairStore.write(folder, pairs, settings={})
    write_scores(store, "clip", store.ids(), clip, {"model": model})
    write_scores(store, "ssim", store.ids(), ssim, {})
    return store


def noise(seed: int, count: int, mean: float) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, 0.1, count)


def test_means_intervals_and_differences(tmp_path: Path) -> None:
    one, other = noise(0, 400, 0.31), noise(1, 400, 0.36)
    scored(tmp_path / "real", one, one + 0.4)
    scored(tmp_path / "synthetic", other, other + 0.5)
    sets = [DataSet.open(f"real={tmp_path / 'real'}"), DataSet.open(str(tmp_path / "synthetic"))]
    found = compare_sets(sets, ["clip", "ssim"], "clip + 0.5 * ssim")
    assert list(found) == ["clip", "ssim", "clip + 0.5 * ssim"]
    clip = found["clip"]
    assert clip["real"].interval.value == pytest.approx(one.mean())
    assert clip["real"].difference is None
    assert found["clip + 0.5 * ssim"]["real"].interval.value == pytest.approx((1.5 * one + 0.2).mean())
    half = 1.96 * one.std() / 20  # of the normal approximation
    assert clip["real"].interval.low == pytest.approx(one.mean() - half, abs=0.2 * half)
    assert clip["real"].interval.high == pytest.approx(one.mean() + half, abs=0.2 * half)
    difference = clip["synthetic"].difference
    assert difference is not None
    assert difference.value == pytest.approx(other.mean() - one.mean())
    width = 1.96 * np.sqrt(one.var() / 400 + other.var() / 400)
    assert difference.low == pytest.approx(difference.value - width, abs=0.2 * width)
    assert difference.n == 400


def test_renderings_of_one_caption_stand_together(tmp_path: Path) -> None:
    """Four equal pictures of each caption tell no more than one."""
    values = noise(2, 100, 0.3)
    scored(tmp_path / "once", values, values)
    scored(tmp_path / "often", np.repeat(values, 4), np.repeat(values, 4), pictures=4)
    found = compare_sets([DataSet.open(str(tmp_path / name)) for name in ("once", "often")], ["clip"], None)["clip"]
    widths = [one.interval.high - one.interval.low for one in found.values()]  # type: ignore[operator]
    assert widths[1] == pytest.approx(widths[0], rel=0.1)
    assert found["often"].interval.n == 400


def test_a_selection_of_a_store_is_a_set(tmp_path: Path) -> None:
    store = scored(tmp_path / "store", np.arange(10.0), np.zeros(10))
    write_selection(store, "best", Selection(["9", "8"], np.array([9.0, 8.0]), {}))
    one = DataSet.open(f"top={store.folder}@best")
    assert (one.name, len(one)) == ("top", 2)
    assert compare_sets([one], ["clip"], None)["clip"]["top"].interval.value == 8.5
    assert DataSet.open(f"{store.folder}@best").name == "best"


def test_missing_scores_are_counted(tmp_path: Path) -> None:
    scored(tmp_path / "a", np.array([1.0, np.nan, 3.0]), np.array([np.nan, 1.0, 1.0]))
    one = compare_sets([DataSet.open(str(tmp_path / "a"))], ["clip", "ssim"], "clip + ssim")
    assert [by_set["a"].missing for by_set in one.values()] == [1, 1, 2]
    assert one["clip + ssim"]["a"].interval.value == 4
    scored(tmp_path / "b", np.full(3, np.nan), np.ones(3))
    with pytest.raises(InputError, match="not one row of 'b' has the score 'clip'"):
        compare_sets([DataSet.open(str(tmp_path / "b"))], ["clip"], None)


def test_sets_that_do_not_compare(tmp_path: Path) -> None:
    scored(tmp_path / "a", np.ones(3), np.ones(3))
    scored(tmp_path / "b", np.ones(3), np.ones(3), model="l14")
    with pytest.raises(InputError, match=r"'clip' of 'a' and 'b' were computed in different ways: model"):
        compare_sets([DataSet.open(str(tmp_path / name)) for name in "ab"], ["clip"], None)
    with pytest.raises(InputError, match="two sets have one name"):
        compare_sets([DataSet.open(str(tmp_path / "a"))] * 2, ["clip"], None)
