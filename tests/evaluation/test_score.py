"""The contract of figures: means over items, draws over images, paired differences."""

from __future__ import annotations

import numpy as np
import pytest

from pairsmith.errors import InputError
from pairsmith.evaluation.bootstrap import SHARE, mean_interval, paired_difference
from pairsmith.evaluation.score import mean_score


def test_a_plain_mean_is_the_plain_bootstrap() -> None:
    values = np.random.default_rng(0).random(40)
    ours, plain = mean_score(values, range(40)).interval(3), mean_interval(values, 3)
    assert ours.n == 40
    np.testing.assert_allclose([ours.value, ours.low, ours.high], [plain.value, plain.low, plain.high])


def test_images_are_drawn_not_their_captions() -> None:
    """Five copies of every image add no knowledge: the interval stays that of the images."""
    values = np.random.default_rng(1).integers(0, 2, 60).astype(float)
    alone = mean_score(values, range(60)).interval()
    copied = mean_score(np.repeat(values, 5), range(300), images=np.repeat(np.arange(60), 5).tolist()).interval()
    assert copied.n == 300
    np.testing.assert_allclose([copied.low, copied.high], [alone.low, alone.high])
    careless = mean_score(np.repeat(values, 5), range(300)).interval()
    assert careless.high - careless.low < 0.6 * (copied.high - copied.low)


def test_weights_make_a_mean_over_classes() -> None:
    score = mean_score([1, 1, 1, 0], "abcd", weights=[1 / 3, 1 / 3, 1 / 3, 1], scale=100)
    assert score.value == pytest.approx(50)


def test_differences_are_paired_whatever_the_order_of_the_items() -> None:
    rng = np.random.default_rng(2)
    hard = rng.random(80)
    first, second = hard, hard + 0.02 + 0.01 * rng.random(80)
    order = rng.permutation(80)
    ours = mean_score(second[order], order.tolist()).difference(mean_score(first, range(80)))
    assert ours.value == pytest.approx((second - first).mean())
    assert ours.low is not None
    assert ours.low > 0  # although the single intervals overlap
    assert mean_score(first, range(80)).interval().high > mean_score(second, range(80)).interval().low  # type: ignore[operator]
    same_order = mean_score(second, range(80)).difference(mean_score(first, range(80)))
    plain = paired_difference(second, first)
    np.testing.assert_allclose([same_order.low, same_order.high], [plain.low, plain.high], atol=1e-12)


def test_one_item_has_no_interval() -> None:
    assert mean_score([0.5], ["a"]).interval().low is None


def test_images_count_where_all_items_are_right() -> None:
    """30 images with 5 items each, all right: 0.025^(1/30) = 88.43 %, for items of one image stand or fall together."""
    owners = np.repeat(np.arange(30), 5).tolist()
    found = mean_score(np.ones(150), range(150), images=owners, scale=100, bounds=SHARE).interval()
    assert (found.low, found.high, found.n) == (pytest.approx(88.43, abs=0.01), 100, 150)


def test_a_class_of_one_picture_leaves_much_open() -> None:
    """Weights 1 and 9 times 1/9 are as good as (1 + 1)^2 / (1 + 9/81) = 3.6 pictures."""
    found = mean_score(np.ones(10), range(10), weights=[1, *[1 / 9] * 9], bounds=SHARE).interval()
    assert found.low == pytest.approx(0.025 ** (1 / 3.6))


def test_equal_models_may_still_differ() -> None:
    """Both right on 30 images: 11.57 % of images may tell them apart, whichever way."""
    both = [mean_score(np.ones(30), range(30), scale=100, bounds=SHARE) for _ in range(2)]
    found = both[0].difference(both[1])
    assert (found.value, found.low, found.high) == (0, pytest.approx(-11.57, abs=0.01), pytest.approx(11.57, abs=0.01))


def test_scores_out_of_their_bounds_are_refused() -> None:
    with pytest.raises(InputError, match="from 0 to 2 do not lie within 0 to 1"):
        mean_score([0.0, 2.0], "ab", bounds=SHARE)


@pytest.mark.parametrize(
    ("values", "ids", "message"),
    [
        ([], [], "nothing to score"),
        ([1.0, 2.0], ["a"], "do not belong together"),
        ([1.0, 2.0], ["a", "a"], "item 'a' is scored twice"),
        ([1.0, float("nan")], ["a", "b"], "item 'b' is not a number"),
    ],
)
def test_bad_items_are_named(values: list[float], ids: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        mean_score(values, ids)


def test_other_images_cannot_be_compared() -> None:
    ours = mean_score([1.0, 2.0], ["a", "b"])
    with pytest.raises(InputError, match="'b' is in one of them only"):
        ours.difference(mean_score([1.0, 2.0], ["a", "c"]))
    with pytest.raises(InputError, match="2 and 3 were measured, and 'c'"):
        ours.difference(mean_score([1.0, 2.0, 3.0], ["a", "b", "c"]))
