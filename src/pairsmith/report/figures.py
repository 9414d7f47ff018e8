"""The charts of a report: bars with intervals, learning curves, stacked times, histograms and dots with intervals.

Every function takes plain numbers and gives an SVG drawing with a description; values that are not finite are left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from pairsmith.evaluation.bootstrap import Interval
from pairsmith.report.numbers import decimal, significant, spread
from pairsmith.report.svg import Scale, box, drawing, element, label, line, tick_text, ticks, tooltip

_WIDTH = 760.0
_LETTER = 6.6  # width of an average letter at the charts' text size, in user units


@dataclass(frozen=True)
class Bar:
    """A bar with an interval; `published` bars are hollow."""

    label: str
    colour: str
    value: Interval
    text: str
    published: bool = False


@dataclass(frozen=True)
class Curve:
    """A line of (x, y, half width of its band or None)."""

    label: str
    colour: str
    points: Sequence[tuple[float, float, float | None]]


@dataclass(frozen=True)
class Stack:
    """A bar of named parts: (name, colour, amount)."""

    label: str
    parts: Sequence[tuple[str, str, float]]
    text: str


@dataclass(frozen=True)
class Columns:
    """One set of a histogram."""

    label: str
    colour: str
    heights: Sequence[float]


@dataclass(frozen=True)
class Dots:
    """One series of a dot chart: a value or None for each row."""

    label: str
    colour: str
    values: Sequence[Interval | None]


def bars(rows: Sequence[Bar], axis: str, what: str) -> Markup:
    """Horizontal bars from zero with their intervals.

    Args:
        rows: from top to bottom; those without a finite value are left out.
        axis: title of the value axis.
        what: begins the description.
    """
    rows = [row for row in rows if math.isfinite(row.value.value)]
    left = 24 + _LETTER * max((len(row.label) for row in rows), default=0)
    right = _WIDTH - 24 - _LETTER * max((len(row.text) for row in rows), default=0)
    pitch, top = 36.0, 8.0
    bottom = top + pitch * len(rows)
    ends = [end for row in rows for end in (*_ends(row.value), row.value.value)]
    marks = ticks(min([0.0, *ends]), max([0.0, *ends]))
    scale = Scale(marks[0], marks[-1], left, right)
    parts = _grid(marks, scale, top, bottom, axis)
    for number, row in enumerate(rows):
        middle = top + pitch * (number + 0.5)
        zero, end = sorted((scale(0), scale(row.value.value)))
        kind = "hollow" if row.published else "fill"
        parts += [
            label(left - 12, middle, row.label, anchor="end", class_="name"),
            box(zero, middle - 8, end - zero, 16, f"{kind} c-{row.colour}", tooltip(f"{row.label}: {row.text}")),
            *_whisker(row.value, scale, middle, "whisker"),
            label(right + 14, middle, row.text, class_="value"),
        ]
    parts.append(line(scale(0), top, scale(0), bottom, "axis"))
    told = "; ".join(f"{row.label} {row.text}" for row in rows)
    return drawing(_WIDTH, bottom + 44, f"{what}: {told}.", parts)


def curves(lines: Sequence[Curve], x_axis: str, y_axis: str, what: str) -> Markup:
    """Lines with markers, bands and their names at the right end.

    Args:
        lines: those without points are left out.
        x_axis, y_axis: titles.
        what: begins the description.
    """
    lines = [curve for curve in lines if curve.points]
    left, right = 64.0, _WIDTH - 36 - _LETTER * max((len(curve.label) for curve in lines), default=0)
    top, bottom = 16.0, 316.0
    points = [point for curve in lines for point in curve.points]
    across = ticks(0, max((x for x, _, _ in points), default=1.0), 6)
    reach = [y + sign * (width or 0.0) for _, y, width in points for sign in (-1, 1)] or [0.0, 1.0]
    up = ticks(min(0.0, *reach), max(reach), 6)
    xs, ys = Scale(across[0], across[-1], left, right), Scale(up[0], up[-1], bottom, top)
    parts = _grid(across, xs, top, bottom, x_axis)
    for mark in up:
        parts += [line(left, ys(mark), right, ys(mark), "grid")]
        parts += [label(left - 10, ys(mark), tick_text(mark), anchor="end", class_="tick")]
    parts.append(
        element("text", y_axis, x=0, y=0, transform=f"translate(14 {(top + bottom) / 2:.0f}) rotate(-90)",
                text_anchor="middle", class_="tick")
    )  # fmt: skip
    for number, curve in enumerate(lines):
        band = [(xs(x), ys(y - (width or 0.0)), ys(y + (width or 0.0))) for x, y, width in curve.points]
        if any(width for _, _, width in curve.points):
            outline = [(x, high) for x, _, high in band] + [(x, low) for x, low, _ in reversed(band)]
            parts.append(element("polygon", points=_path(outline), class_=f"band c-{curve.colour}"))
        places = [(xs(x), ys(y)) for x, y, _ in curve.points]
        parts.append(element("polyline", points=_path(places), class_=f"curve dash-{number} c-{curve.colour}"))
        for (x, y), (step, value, width) in zip(places, curve.points, strict=True):
            words = f"{curve.label}, {tick_text(step)}: {decimal(value)}" + (f" ± {decimal(width)}" if width else "")
            parts.append(_marker(number, x, y, f"c-{curve.colour}", words))
    ends = _apart([(ys(curve.points[-1][1]), curve) for curve in lines], 18.0)
    parts += [label(right + 12, y, curve.label, class_=f"series c-{curve.colour}") for y, curve in ends]
    told = "; ".join(f"{curve.label} ends at {decimal(curve.points[-1][1])}" for curve in lines)
    return drawing(_WIDTH, bottom + 44, f"{what}: {told}.", parts)


def stacks(rows: Sequence[Stack], axis: str, what: str) -> Markup:
    """Horizontal stacked bars, each with its total at the end.

    Args:
        rows: from top to bottom.
        axis: title of the value axis.
        what: begins the description.
    """
    left = 24 + _LETTER * max(len(row.label) for row in rows)
    right = _WIDTH - 24 - _LETTER * max(len(row.text) for row in rows)
    pitch, top = 56.0, 4.0
    bottom = top + pitch * len(rows)
    marks = ticks(0, max(sum(amount for _, _, amount in row.parts) for row in rows))
    scale = Scale(0, marks[-1], left, right)
    parts = _grid(marks, scale, top, bottom, axis)
    for number, row in enumerate(rows):
        middle, done = top + pitch * (number + 0.5), 0.0
        parts.append(label(left - 12, middle, row.label, anchor="end", class_="name"))
        for name, colour, amount in row.parts:
            start, end = scale(done), scale(done + amount)
            words = significant(amount, 2 if amount < 10 else 3)
            parts.append(box(start, middle - 15, end - start, 30, f"part c-{colour}", tooltip(f"{name}: {words}")))
            if end - start > 12 + _LETTER * len(words):
                parts.append(label((start + end) / 2, middle, words, anchor="middle", class_="inside"))
            done += amount
        parts.append(label(scale(done) + 10, middle, row.text, class_="value"))
    told = "; ".join(
        f"{row.label} {row.text} (" + ", ".join(f"{name} {significant(amount)}" for name, _, amount in row.parts) + ")"
        for row in rows
    )
    return drawing(_WIDTH, bottom + 44, f"{what}: {told}.", parts)


def histogram(
    sets: Sequence[Columns], level: float, level_name: str, axis: str, what: str, column: str = "cluster"
) -> Markup:
    """Columns of several sets side by side, in percent, with a level to compare with.

    Args:
        sets: shares 0..1, equally many.
        level: share of the dashed line; `level_name` stands at its end.
        axis: title under the columns.
        what: the description.
        column: what a column stands for.
    """
    left, right, top, bottom = 56.0, _WIDTH - 20 - _LETTER * len(level_name), 14.0, 234.0
    count = max(len(columns.heights) for columns in sets)
    marks = ticks(0, 100 * max([level, *(height for columns in sets for height in columns.heights)]), 4)
    scale = Scale(0, marks[-1], bottom, top)
    parts = []
    for mark in marks:
        parts += [line(left, scale(mark), right, scale(mark), "grid")]
        parts += [label(left - 8, scale(mark), f"{tick_text(mark)} %", anchor="end", class_="tick")]
    pitch = (right - left) / max(1, count)
    width = pitch * 0.76 / len(sets)
    for number, columns in enumerate(sets):
        for place, height in enumerate(columns.heights):
            x = left + pitch * (place + 0.12) + number * width
            tall = bottom - scale(100 * height)
            words = f"{columns.label}, {column} {place + 1}: {decimal(100 * height)} %"
            parts.append(box(x, bottom - tall, width - 1, tall, f"fill c-{columns.colour}", tooltip(words)))
    every = max(1, math.ceil(count / 24))
    for place in range(0, count, every):
        parts.append(label(left + pitch * (place + 0.5), bottom + 14, place + 1, anchor="middle", class_="tick"))
    parts += [
        line(left, bottom, right, bottom, "axis"),
        line(left, scale(100 * level), right, scale(100 * level), "level"),
        label(right + 8, scale(100 * level), level_name, class_="tick"),
        label((left + right) / 2, bottom + 34, axis, anchor="middle", class_="tick"),
    ]
    return drawing(_WIDTH, bottom + 46, what, parts)


def dots(rows: Sequence[str], series: Sequence[Dots], axis: str, what: str) -> Markup:
    """One line a row, on it a dot with its interval for every series; the axis is 0 to 100.

    Args:
        rows: names, from top to bottom.
        series: values ×100 in the order of the rows.
        axis: title of the value axis.
        what: begins the description.
    """
    width = 500.0
    left, right, top = 24 + _LETTER * max(len(row) for row in rows), width - 16, 8.0
    pitch = 20.0 + 9 * len(series)
    bottom = top + pitch * len(rows)
    marks = ticks(0, 100)
    scale = Scale(0, 100, left, right)
    parts = _grid(marks, scale, top, bottom, axis)
    for number, row in enumerate(rows):
        parts.append(label(left - 12, top + pitch * (number + 0.5), row, anchor="end", class_="name"))
        if number:
            parts.append(line(left, top + pitch * number, right, top + pitch * number, "grid"))
        for place, dot in enumerate(series):
            value = dot.values[number]
            if value is None:
                continue
            y = top + pitch * (number + 0.5) + 9 * (place - (len(series) - 1) / 2)
            words = f"{dot.label}, {row}: {decimal(value.value)}"
            parts += _whisker(value, scale, y, f"thin c-{dot.colour}")
            parts.append(_marker(place, scale(value.value), y, f"c-{dot.colour}", words))
    told = "; ".join(
        f"{dot.label}: "
        + ", ".join(
            f"{row} {decimal(value.value)}" for row, value in zip(rows, dot.values, strict=True) if value is not None
        )
        for dot in series
    )
    return drawing(width, bottom + 44, f"{what}. {told}.", parts)


def _grid(marks: Sequence[float], scale: Scale, top: float, bottom: float, axis: str) -> list[Markup]:
    parts = [line(scale(mark), top, scale(mark), bottom, "grid") for mark in marks]
    parts += [label(scale(mark), bottom + 14, tick_text(mark), anchor="middle", class_="tick") for mark in marks]
    return [*parts, label((scale.start + scale.end) / 2, bottom + 34, axis, anchor="middle", class_="tick")]


def _ends(value: Interval) -> tuple[float, ...]:
    return () if value.low is None or value.high is None else (value.low, value.high)


def _whisker(value: Interval, scale: Scale, y: float, class_: str) -> list[Markup]:
    if not spread(value):
        return []
    low, high = (min(max(scale(end), scale.start), scale.end) for end in _ends(value))
    return [line(low, y, high, y, class_), *(line(end, y - 3.5, end, y + 3.5, class_) for end in (low, high))]


def _marker(number: int, x: float, y: float, class_: str, words: str) -> Markup:
    """Circle, square, diamond or triangle, so that series differ without colour too."""
    shapes = (
        lambda: element("circle", tooltip(words), cx=x, cy=y, r=4.0, class_=f"dot {class_}"),
        lambda: box(x - 3.7, y - 3.7, 7.4, 7.4, f"dot {class_}", tooltip(words)),
        lambda: _polygon([(x, y - 5.4), (x + 5.4, y), (x, y + 5.4), (x - 5.4, y)], f"dot {class_}", words),
        lambda: _polygon([(x, y - 5), (x + 5, y + 4), (x - 5, y + 4)], f"dot {class_}", words),
    )
    return shapes[number % len(shapes)]()


def _polygon(points: Sequence[tuple[float, float]], class_: str, words: str) -> Markup:
    return element("polygon", tooltip(words), points=_path(points), class_=class_)


def _path(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _apart(places: list[tuple[float, Curve]], least: float) -> list[tuple[float, Curve]]:
    """Labels pushed down until none lies on another."""
    result: list[tuple[float, Curve]] = []
    for y, curve in sorted(places, key=lambda place: place[0]):
        result.append((max(y, result[-1][0] + least) if result else y, curve))
    return result
