"""Sums and thresholds of scores: values, precedence, names, and text that is no sum."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairsmith.curation.expression import parse_expression, parse_threshold
from pairsmith.errors import InputError

SCORES = {"clip": np.array([0.3, 0.2]), "ssim": np.array([0.8, 0.9]), "a-b": np.array([1.0, 2.0])}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("clip + 0.5 * ssim", [0.7, 0.65]),
        ("clip+.5*ssim", [0.7, 0.65]),
        ("(clip + ssim) * 2 - 1", [1.2, 1.2]),
        ("clip - ssim - clip", [-0.8, -0.9]),
        ("-clip", [-0.3, -0.2]),
        ("2 * -clip", [-0.6, -0.4]),
        ("ssim / clip / 2", [0.8 / 0.3 / 2, 0.9 / 0.2 / 2]),
        ("1e-1*clip", [0.03, 0.02]),
        ("`a-b` + clip", [1.3, 2.2]),
    ],
)
def test_values(text: str, expected: list[float]) -> None:
    np.testing.assert_allclose(parse_expression(text).value(SCORES), expected)


def test_names_in_order_each_once() -> None:
    assert parse_expression("ssim + clip * ssim - `a-b`").names == ("ssim", "clip", "a-b")
    assert parse_threshold("clip > 2 * ssim").names == ("clip", "ssim")


@pytest.mark.parametrize(
    "text",
    ["", "clip +", "+", "clip ssim", "clip > 0.3", "(clip", "clip)", "1 + 2", "__import__('os')", "clip ** 2",
     "clip[0]", "clip; ssim", "2clip", "`", "lambda: clip", "clip if ssim else 1", "clip,ssim", "(" * 60 + "clip",
     "clip" + "+clip" * 200, "clip @ ssim", "1..2*clip"],
)  # fmt: skip
def test_what_is_no_sum_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_expression(text)


def test_a_message_shows_where() -> None:
    with pytest.raises(InputError, match=r"'clip \+ \* ssim' cannot be read at '\* ssim': a number, the name"):
        parse_expression("clip + * ssim")
    with pytest.raises(InputError, match="at its end: one of > >= < <= is wanted"):
        parse_threshold("ssim")


@given(st.text(max_size=60))
def test_any_text_is_a_sum_or_an_input_error(text: str) -> None:
    with contextlib.suppress(InputError):
        assert parse_expression(text).names


@pytest.mark.parametrize(
    ("text", "expected"),
    [("clip > 0.2", [True, False]), ("clip >= 0.2", [True, True]), ("ssim < 0.9", [True, False]),
     ("ssim <= 4.5 * clip", [True, True]), ("0.25 < clip", [True, False])],
)  # fmt: skip
def test_thresholds(text: str, expected: list[bool]) -> None:
    assert parse_threshold(text).holds(SCORES).tolist() == expected


def test_missing_scores_and_division_by_zero() -> None:
    scores = {"clip": np.array([np.nan, 1.0, 0.0]), "ssim": np.array([1.0, 1.0, 0.0])}
    assert np.isfinite(parse_expression("ssim / clip").value(scores)).tolist() == [False, True, False]
    assert parse_threshold("clip < 5").holds(scores).tolist() == [False, True, True]
