"""Charts of scores: shares and means as drawn, values that are not there, and text that is not trusted."""

from __future__ import annotations

import re

import numpy as np

from pairsmith.report.score_charts import BINS, Points, Values, point_map, value_histogram


def heights(chart: str, colour: str) -> list[float]:
    """Heights of a colour's bars in the order of bins."""
    return [float(found) for found in re.findall(rf'height="([\d.]+)" class="fill c-{colour}"', chart)]


def test_bars_are_shares_of_each_set() -> None:
    spread = np.linspace(0, 1, 4 * BINS)
    chart = value_histogram([Values("all", "real", spread), Values("kept", "synthetic", np.full(7, 0.99))], "clip", "x")
    all_, kept = heights(chart, "real"), heights(chart, "synthetic")
    assert len(all_) == BINS
    assert len(kept) == 1
    assert max(all_) - min(all_) < 1.01  # equal shares
    np.testing.assert_allclose(kept[0] / np.mean(all_), BINS, rtol=0.05)
    assert "all: 160 values, mean 0.5" in chart


def test_values_that_are_not_there_are_left_out() -> None:
    chart = value_histogram([Values("all", "real", np.array([np.nan, 1.0, np.inf, 2.0]))], "clip", "x")
    assert "all: 2 values, mean 1.5" in chart
    assert "no values" in value_histogram([Values("all", "real", np.array([np.nan]))], "clip", "x")
    assert "all: 3 values" in value_histogram([Values("all", "real", np.ones(3))], "clip", "x")


def test_names_are_escaped() -> None:
    evil = "<script>alert(1)</script>"
    chart = value_histogram([Values(evil, "real", np.arange(3.0))], evil, evil)
    dots = point_map([Points(evil, "real", np.zeros((2, 2)))], evil)
    assert "<script" not in chart + dots
    assert dots.count("<circle") == 2
