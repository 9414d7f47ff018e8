"""Bootstrap intervals: coverage, pairing, seeds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from pairsmith.errors import InputError
from pairsmith.evaluation.bootstrap import SHARE, mean_interval, paired_difference, resampled_means, statistic_interval


def test_interval_of_a_mean_is_that_of_the_normal_law() -> None:
    values = np.random.default_rng(0).normal(5.0, 2.0, 2000)
    interval = mean_interval(values, resamples=4000)
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert interval.value == pytest.approx(values.mean())
    assert interval.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    generator = np.random.default_rng(1)
    covered = 0
    for seed in range(200):
        interval = mean_interval(generator.normal(0.0, 1.0, 100), seed=seed, resamples=300)
        assert interval.low is not None
        assert interval.high is not None
        covered += interval.low <= 0 <= interval.high
    assert 178 <= covered <= 198


def test_every_resample_has_as_many_rows_as_the_data_and_uses_whole_rows() -> None:
    rows = np.column_stack([np.arange(10.0), 3 * np.arange(10.0), np.ones(10)])
    means = resampled_means(rows, resamples=50)
    assert means.shape == (50, 3)
    np.testing.assert_allclose(means[:, 2], 1.0)
    np.testing.assert_allclose(means[:, 1], 3 * means[:, 0])


def test_chunks_do_not_change_the_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.arange(30.0)
    together = resampled_means(values, seed=3, resamples=40)
    monkeypatch.setattr("pairsmith.evaluation.bootstrap._CHUNK_NUMBERS", 70)
    np.testing.assert_array_equal(resampled_means(values, seed=3, resamples=40), together)


def test_pairing_sees_a_difference_that_two_intervals_hide() -> None:
    hardness = np.random.default_rng(2).normal(0.0, 10.0, 400)
    better = hardness + 0.5 + np.random.default_rng(3).normal(0.0, 1.0, 400)
    first, second = mean_interval(better), mean_interval(hardness)
    assert first.low is not None
    assert second.high is not None
    assert first.low < second.high  # they overlap
    difference = paired_difference(better, hardness)
    assert difference.low is not None
    assert difference.low > 0


def test_a_statistic_of_several_columns() -> None:
    rows = np.column_stack([np.full(20, 6.0), np.full(20, 2.0)])
    ratio = statistic_interval(rows, lambda means: means[:, 0] / means[:, 1])
    assert (ratio.value, ratio.low, ratio.high, ratio.n) == (3.0, 3.0, 3.0, 20)


def test_one_image_has_no_interval_and_bad_values_are_refused() -> None:
    alone = mean_interval([4.0])
    assert (alone.value, alone.low, alone.high, alone.n) == (4.0, None, None, 1)
    with pytest.raises(InputError, match="at least one image"):
        mean_interval([])
    with pytest.raises(InputError, match="image number 1 is not a finite number"):
        mean_interval([1.0, float("nan")])
    with pytest.raises(InputError, match="equally long"):
        paired_difference([1.0, 2.0], [1.0])


@pytest.mark.parametrize("count", [2, 5, 30, 400])
@pytest.mark.parametrize("right", [False, True])
def test_equal_shares_have_the_interval_of_clopper_and_pearson(count: int, right: bool) -> None:
    found = mean_interval(np.full(count, float(right)), bounds=SHARE)
    exact = binomtest(count if right else 0, count).proportion_ci(0.95, "exact")
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high))
    assert mean_interval(np.full(count, float(right))).low == float(right)  # nothing is known of its bounds


def test_equal_scores_within_bounds_leave_room_on_both_sides() -> None:
    """Ten times 30 of 0 to 100: at most 30.8 % of images score otherwise, (1 - 0.308)^10 = 0.025."""
    found = mean_interval(np.full(10, 30.0), bounds=(0.0, 100.0))
    assert (found.low, found.high) == pytest.approx((30 - 0.3085 * 30, 30 + 0.3085 * 70), abs=1e-2)


def test_bounds_do_not_touch_an_interval_with_a_width() -> None:
    values = np.r_[np.ones(49), 0.0]
    assert mean_interval(values, bounds=SHARE) == mean_interval(values)
