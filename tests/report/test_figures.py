"""Charts: what is drawn is in proportion, inside the drawing, and escaped."""

from __future__ import annotations

import math
import re
from itertools import pairwise

import pytest

from pairsmith.evaluation.bootstrap import Interval
from pairsmith.report import figures
from pairsmith.report.svg import Scale, element, tick_text, ticks
from tests.report.parsed import ParsedPage

EVIL = "<script>alert('\"x\"')</script>"


def bar(value: float, low: float | None = None, high: float | None = None) -> figures.Bar:
    return figures.Bar(f"bar {value}", "baseline", Interval(value, low, high, 9), str(value))


def widths(drawing: str, class_: str) -> list[float]:
    return [float(found) for found in re.findall(rf'width="([\d.]+)"[^>]*class="{class_}', drawing)]


def test_bars_are_in_proportion_and_start_at_zero() -> None:
    short, long = widths(figures.bars([bar(10), bar(40)], "axis", "what"), "fill c-baseline")
    assert long == pytest.approx(4 * short, rel=0.01)


def test_negative_bars_lie_left_of_zero() -> None:
    drawing = figures.bars([bar(-10), bar(10)], "axis", "what")
    starts = [float(x) for x in re.findall(r'<rect x="([\d.]+)"', drawing)]
    left, right = widths(drawing, "fill")
    assert left == pytest.approx(right)
    assert starts[0] + left == pytest.approx(starts[1], abs=0.02)


def test_published_bars_are_hollow_and_intervals_have_whiskers() -> None:
    published = figures.Bar("paper", "paper", Interval(3.0, None, None, 0), "3", published=True)
    drawing = figures.bars([bar(5, 4, 6), published], "axis", "what")
    assert drawing.count('class="whisker"') == 3
    assert drawing.count('class="hollow') == 1


def test_values_that_are_no_numbers_are_left_out() -> None:
    drawing = figures.bars([bar(math.nan), bar(3)], "axis", "what")
    assert not re.search(r"\bnan\b", drawing)
    assert drawing.count("<rect") == 1


def test_everything_lies_inside_the_drawing() -> None:
    curve = figures.Curve("a", "gold", [(x * 125.0, (-1.0) ** x * x * 40, 7.0) for x in range(9)])
    drawing = figures.curves([curve], "steps", "CIDEr", "what")
    width, height = map(float, re.findall(r'viewBox="0 0 (\d+) (\d+)"', drawing)[0])
    for points in re.findall(r'points="([^"]+)"', drawing):
        for point in points.split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= width
            assert 0 <= y <= height


def test_bands_only_where_there_are_several_seeds() -> None:
    one = figures.Curve("one", "baseline", [(1, 2.0, None), (2, 3.0, None)])
    several = figures.Curve("several", "gold", [(1, 2.0, 0.5), (2, 3.0, 0.5)])
    drawing = figures.curves([one, several], "steps", "CIDEr", "what")
    assert drawing.count('class="band') == 1
    assert 'class="band c-gold"' in drawing
    assert "several, 1: 2.0 ± 0.5" in drawing


def test_labels_of_close_curves_do_not_overlap() -> None:
    close = [figures.Curve(f"c{n}", "gold", [(1, 5.0 + n / 100, None), (2, 5.0 + n / 100, None)]) for n in range(4)]
    drawing = figures.curves(close, "steps", "CIDEr", "what")
    places = sorted(float(y) for y in re.findall(r'y="([\d.]+)"[^>]*class="series', drawing))
    assert len(places) == 4
    assert min(after - before for before, after in pairwise(places)) >= 17.9


def test_a_curve_of_one_point_is_drawn() -> None:
    assert "<circle" in figures.curves([figures.Curve("a", "gold", [(400, 31.0, None)])], "steps", "CIDEr", "what")


def test_stacks_join_without_gaps() -> None:
    parts = [("a", "text", 10.0), ("b", "draw", 30.0), ("c", "model", 60.0)]
    drawing = figures.stacks([figures.Stack("row", parts, "100 ms")], "ms", "what")
    found = [(float(x), float(width)) for x, width in re.findall(r'<rect x="([\d.]+)"[^>]*width="([\d.]+)"', drawing)]
    for (start, width), (following, _) in pairwise(found):
        assert start + width == pytest.approx(following, abs=0.02)
    assert found[2][1] == pytest.approx(6 * found[0][1], rel=0.01)
    assert "row 100 ms (a 10.0, b 30.0, c 60.0)" in drawing


def test_histogram_columns_and_even_level() -> None:
    sets = [figures.Columns("one", "synthetic", [0.5, 0.25, 0.25]), figures.Columns("two", "real", [1.0, 0, 0])]
    drawing = figures.histogram(sets, 1 / 3, "even", "cluster", "what")
    heights = [float(found) for found in re.findall(r'height="([\d.]+)" class="fill', drawing)]
    assert heights[0] == pytest.approx(2 * heights[1], rel=0.01)
    assert heights[3] == pytest.approx(2 * heights[0], rel=0.01)
    assert heights[4:] == [0, 0]
    assert drawing.count('class="level"') == 1


def test_dots_pass_over_what_is_missing() -> None:
    series = [
        figures.Dots("a", "baseline", [Interval(50, 40, 60, 9), None]),
        figures.Dots("b", "gold", [Interval(100, 100, 100, 9), Interval(0, None, None, 1)]),
    ]
    drawing = figures.dots(["Class", "Relation"], series, "% right", "what")
    assert drawing.count('class="dot') == 3
    assert "a: Class 50.0; b: Class 100.0, Relation 0.0" in drawing


def test_names_are_escaped_everywhere() -> None:
    value = Interval(1.0, 0.5, 1.5, 3)
    drawings = [
        figures.bars([figures.Bar(EVIL, "gold", value, EVIL)], EVIL, EVIL),
        figures.curves([figures.Curve(EVIL, "gold", [(1, 2.0, 1.0)])], EVIL, EVIL, EVIL),
        figures.stacks([figures.Stack(EVIL, [(EVIL, "text", 3.0)], EVIL)], EVIL, EVIL),
        figures.histogram([figures.Columns(EVIL, "real", [1.0])], 1.0, EVIL, EVIL, EVIL),
        figures.dots([EVIL], [figures.Dots(EVIL, "gold", [value])], EVIL, EVIL),
    ]
    for drawing in drawings:
        page = ParsedPage(drawing)
        assert page.faults == []
        assert "script" not in {tag for tag, _ in page.elements}
        assert page.attributes("svg")[0]["aria-label"].startswith(EVIL)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 432.1), (-3.2, 0.04), (1e-6, 3e-6), (5, 5), (0, 0)])
def test_ticks_are_round_few_and_enclose(low: float, high: float) -> None:
    found = ticks(low, high)
    assert found[0] <= low
    assert found[-1] >= high
    assert 2 <= len(found) <= 8
    assert all(len(tick_text(value)) <= 8 for value in found)


def test_scale_of_nothing_is_the_middle() -> None:
    assert Scale(2, 2, 0, 10)(2) == 5
    assert Scale(0, 4, 0, 10)(1) == 2.5


def test_attributes_are_escaped_and_may_be_absent() -> None:
    assert (
        element("g", "<b>", class_='a"b', stroke_width=1.5, id=None)
        == '<g class="a&#34;b" stroke-width="1.5">&lt;b&gt;</g>'
    )
