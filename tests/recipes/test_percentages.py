"""Intervals of percentages: where all agree they are Clopper and Pearson's."""

from __future__ import annotations

import math

import pytest

from pairsmith.evaluation.bootstrap import mean_interval
from pairsmith.recipes.percentages import percent_interval


def test_all_right_is_no_certainty() -> None:
    found = percent_interval([1.0] * 30 + [math.nan])
    assert found is not None
    assert (found.value, found.high, found.n) == (100, 100, 30)
    assert found.low == pytest.approx(100 * 0.025 ** (1 / 30))
    none_right = percent_interval([False] * 30)
    assert none_right is not None
    assert (none_right.value, none_right.low) == (0, 0)
    assert none_right.high == pytest.approx(100 - found.low)


def test_others_are_resampled() -> None:
    assert percent_interval([0.0, 1.0, 1.0, math.nan]) == mean_interval([0.0, 100.0, 100.0])


def test_of_fewer_than_two_there_is_none() -> None:
    assert percent_interval([1.0, math.nan]) is None
    assert percent_interval([]) is None
