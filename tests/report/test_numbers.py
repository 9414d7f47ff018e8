"""Numbers as people read them."""

from __future__ import annotations

import math

import pytest

from pairsmith.evaluation.bootstrap import Interval
from pairsmith.report import numbers

NOTHING = [None, math.nan, math.inf, -math.inf, "much", True]


@pytest.mark.parametrize("value", NOTHING)
def test_what_is_no_number_is_a_dash(value: object) -> None:
    for write in (
        numbers.decimal,
        numbers.signed,
        numbers.signed_percent,
        numbers.significant,
        numbers.count,
        numbers.percent,
        numbers.duration,
        numbers.data_size,
    ):
        assert write(value) == "–", write.__name__
    assert numbers.finite(value) is None


def test_digits_and_signs() -> None:
    assert numbers.decimal(1234.567) == "1,234.6"
    assert numbers.decimal(-0.04) == "0.0"
    assert numbers.decimal(-2.25, 2) == "−2.25"
    assert numbers.signed(3.21) == "+3.2"
    assert numbers.signed(-3.21) == "−3.2"
    assert numbers.signed(0.01) == "0.0"
    assert numbers.count(10_000) == "10,000"
    assert numbers.plural(1, "seed") == "1 seed"
    assert numbers.plural(2000, "seed") == "2,000 seeds"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0123456, "0.0123"), (1.5, "1.50"), (99.96, "100.0"), (1234.5, "1,234"), (0, "0"), (-0.5, "−0.500")],
)
def test_three_significant_figures(value: float, text: str) -> None:
    assert numbers.significant(value) == text


def test_percent_does_not_break() -> None:
    assert numbers.percent(0.123) == "12\u00a0%"
    assert numbers.percent(0.0505, 1) == "5.1\u00a0%"
    assert numbers.signed_percent(-12.4) == "−12\u00a0%"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1.63, "1.6 s"),
        (59.2, "59 s"),
        (75, "1 min 15 s"),
        (3599.6, "1 h 0 min"),
        (90_000, "25 h 0 min"),
        (200_000, "2 d 7 h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert numbers.duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"), [(32, "32 bytes"), (12288, "12.0 KiB"), (3 * 1024**2, "3.00 MiB"), (2**34, "16.0 GiB")]
)
def test_sizes(size: int, text: str) -> None:
    assert numbers.data_size(size) == text


def test_intervals_from_json() -> None:
    whole = numbers.interval_of({"value": 1.0, "low": 0.5, "high": 1.5, "n": 4})
    assert whole == Interval(1.0, 0.5, 1.5, 4)
    assert numbers.spread(whole) == "0.5 to 1.5"
    assert numbers.spread(whole, sign=True) == "+0.5 to +1.5"
    half = numbers.interval_of({"value": 1.0, "low": 0.5, "high": math.nan, "n": 4})
    assert half == Interval(1.0, None, None, 4)
    assert numbers.spread(half) == ""
    assert numbers.interval_of({"value": math.nan}) is None
    assert numbers.interval_of(None) is None
