"""The radar: every value at its place, and words for those who do not see it."""

from __future__ import annotations

import re

import pytest

from pairsmith.report.radar import Outline, Spoke, radar

SPOKES = [Spoke("One"), Spoke("Two", 50, 100), Spoke("Three"), Spoke("Four")]


def points(svg, kind):
    found = re.findall(rf'<polygon points="([^"]+)" class="{kind}', str(svg))
    return [[tuple(map(float, pair.split(","))) for pair in one.split()] for one in found]


def test_values_lie_on_their_spokes():
    svg = radar(SPOKES, [Outline("A", "a0", [100, 75, 0, 200])], "What")
    rim = points(svg, "ring")[-1]
    (web,) = [
        [tuple(map(float, pair.split(","))) for pair in one.split()]
        for one in re.findall(r'<polygon points="([^"]+)" class="web', str(svg))
    ]
    middle = ((rim[0][0] + rim[2][0]) / 2, (rim[0][1] + rim[2][1]) / 2)
    assert web[0] == pytest.approx(rim[0])  # 100 of 100
    assert web[1] == pytest.approx([(m + r) / 2 for m, r in zip(middle, rim[1], strict=True)], abs=0.2)  # 75 of 50..100
    assert web[2] == pytest.approx(middle, abs=0.2)
    assert web[3] == pytest.approx(rim[3])  # beyond the rim is the rim


def test_it_is_told_and_escaped_and_incomplete_series_are_left_out():
    svg = str(radar(SPOKES, [Outline("<b>", "a0", [1, 60, 3, 4]), Outline("B", "a1", [1, None, 3, 4])], "What"))
    assert "<b>" not in svg
    assert "&lt;b&gt;: One 1.0, Two 60.0, Three 3.0, Four 4.0" in svg
    assert "a1" not in svg
