"""Intervals over seeds and images: they cover what they say, and one seed is the plain bootstrap."""

from __future__ import annotations

import numpy as np
import pytest

from pairsmith.errors import InputError
from pairsmith.evaluation.bootstrap import Interval, mean_interval, paired_difference
from pairsmith.evaluation.several_seeds import (
    difference_of_means,
    over_seeds,
    relative_gain,
    repeated,
    seeds_and_images,
)


def scores(rng: np.random.Generator, seeds: int, images: int) -> np.ndarray:
    """[seeds, images] around 0: a part of the seed and one of the image with the seed."""
    return rng.normal(0, 5, (seeds, 1)) + rng.normal(0, 20, (seeds, images))


def test_one_seed_is_the_bootstrap_over_images() -> None:
    rng = np.random.default_rng(0)
    ours, theirs = scores(rng, 1, 50), scores(rng, 1, 50)
    assert seeds_and_images(ours) == mean_interval(ours[0])
    assert difference_of_means(ours, theirs) == paired_difference(ours[0], theirs[0])
    alone = Interval(3.0, 1.0, 5.0, 50)
    assert over_seeds([alone]) == alone


def test_several_seeds_by_hand() -> None:
    # Images' means 2 and 4, seeds' means 2 and 4: standard errors of 1, each with one degree of freedom.
    found = seeds_and_images([[1.0, 3.0], [3.0, 5.0]])
    assert (found.value, found.n) == (3.0, 2)
    assert found.low == pytest.approx(3 - 12.706205 * np.sqrt(2), rel=1e-6)
    assert found.high == pytest.approx(3 + 12.706205 * np.sqrt(2), rel=1e-6)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(1)
    hits = gains = images_alone = 0
    for _ in range(300):
        image = rng.normal(0, 40, (1, 200))
        ours, theirs = (mean + image + scores(rng, 3, 200) for mean in (130, 100))
        found, gain = seeds_and_images(theirs), relative_gain(ours, theirs)
        assert gain is not None
        hits += found.low <= 100 <= found.high
        gains += gain.low <= 30 <= gain.high
        half = 1.96 * theirs.mean(axis=0).std(ddof=1) / np.sqrt(200)
        images_alone += abs(theirs.mean() - 100) <= half
    assert hits >= 0.94 * 300
    assert gains >= 0.94 * 300
    assert images_alone < 0.9 * 300  # seeds differ, and an interval over images does not know it


def test_a_ratio_that_was_measured_several_times() -> None:
    found = repeated([1.0, 4.0])
    assert (found.value, found.n) == (pytest.approx(2.0), 2)
    assert found.high == pytest.approx(2.0 * np.exp(12.706205 * np.log(2)), rel=1e-5)
    assert found.low * found.high == pytest.approx(4.0)
    assert repeated([1.5]) == Interval(pytest.approx(1.5), None, None, 1)  # type: ignore[arg-type]
    with pytest.raises(InputError):
        repeated([1.0, 0.0])


def test_the_gain_is_that_of_the_means() -> None:
    ours, theirs = np.array([[2.0, 4.0], [4.0, 6.0]]), np.array([[1.0, 2.0], [2.0, 3.0]])
    for rows in (slice(0, 1), slice(0, 2)):
        found = relative_gain(ours[rows], theirs[rows])
        assert found is not None
        assert found.value == pytest.approx(100 * (ours[rows].mean() / theirs[rows].mean() - 1))
        assert found.low <= found.value <= found.high
    assert relative_gain(ours, np.zeros((2, 2))) is None


def test_seeds_that_agree_have_the_interval_of_one_and_seeds_that_differ_a_wider_one() -> None:
    one = Interval(50.0, 45.0, 55.0, 400)
    assert over_seeds([one, one, one]).low == pytest.approx(45.0, abs=0.05)
    apart = over_seeds([Interval(40.0, 35.0, 45.0, 400), one, Interval(60.0, 55.0, 65.0, 400)])
    assert apart.value == 50
    assert apart.high - apart.low > 20
    assert over_seeds([Interval(1.0, 0.0, 2.0, 9), Interval(9.0, 8.0, 10.0, 9)]).low == 0  # no share is below 0
    assert over_seeds([one, Interval(1.0, None, None, 400)]).low is None


@pytest.mark.parametrize("bad", [[1.0, 2.0], [[]], [[1.0, np.nan]]])
def test_what_is_no_matrix_of_scores_is_refused(bad: object) -> None:
    with pytest.raises(InputError):
        seeds_and_images(bad)  # type: ignore[arg-type]
    with pytest.raises(InputError):
        over_seeds([])
