"""Charts of scores: histograms over values, all rows beside the chosen ones, and maps of points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from pairsmith.report.numbers import percent
from pairsmith.report.svg import Scale, box, drawing, element, label, line, tick_text, ticks, tooltip

BINS = 40


@dataclass(frozen=True, eq=False)
class Values:
    """One set of a histogram: its name, its colour and its values [N]."""

    label: str
    colour: str
    values: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Points:
    """One set of a map: its name, its colour and its places [N, 2]."""

    label: str
    colour: str
    places: NDArray[np.float64]


def value_histogram(sets: Sequence[Values], axis: str, what: str, *, width: float = 500.0) -> Markup:
    """Shares of each set in equal bins between the least and the greatest value of all, drawn over each other.

    Args:
        sets: values that are not finite are left out; a set without any is not drawn.
        axis: title under the bins.
        what: begins the description.
    """
    shown = [(one, one.values[np.isfinite(one.values)]) for one in sets]
    shown = [(one, values) for one, values in shown if len(values)]
    if not shown:
        return drawing(width, 40, f"{what}: no values.", [label(12, 20, "no values", class_="tick")])
    low = min(float(values.min()) for _, values in shown)
    high = max(float(values.max()) for _, values in shown)
    if high <= low:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, BINS + 1)
    shares = [np.histogram(values, edges)[0] / len(values) for _, values in shown]
    left, right, top, bottom = 52.0, width - 14, 12.0, 182.0
    up = Scale(0, ticks(0, 100 * max(float(share.max()) for share in shares), 4)[-1], bottom, top)
    across = Scale(low, high, left, right)
    parts: list[Markup] = []
    for mark in ticks(0, up.high, 4):
        parts += [line(left, up(mark), right, up(mark), "grid")]
        parts += [label(left - 8, up(mark), f"{tick_text(mark)} %", anchor="end", class_="tick")]
    for (one, _), share in zip(shown, shares, strict=True):
        for place, height in enumerate(share):
            if height > 0:
                start, end, tall = across(edges[place]), across(edges[place + 1]), up(100 * float(height))
                words = f"{one.label}, {edges[place]:.4g} to {edges[place + 1]:.4g}: {percent(float(height), 1)}"
                bar = box(start, tall, end - start - 0.6, bottom - tall, f"fill c-{one.colour}", tooltip(words))
                parts.append(element("g", bar, opacity="0.62"))
    for mark in (mark for mark in ticks(low, high, 6) if low <= mark <= high):
        parts.append(label(across(mark), bottom + 14, tick_text(mark), anchor="middle", class_="tick"))
    parts += [line(left, bottom, right, bottom, "axis")]
    for one, values in shown:
        middle = across(float(values.mean()))
        parts.append(line(middle, top, middle, bottom, f"thin c-{one.colour}"))
    parts.append(label((left + right) / 2, bottom + 34, axis, anchor="middle", class_="tick"))
    told = "; ".join(f"{one.label}: {len(values)} values, mean {values.mean():.4g}" for one, values in shown)
    return drawing(width, bottom + 46, f"{what}. {told}.", parts)


def point_map(sets: Sequence[Points], what: str) -> Markup:
    """Points of several sets in one plane; its axes mean nothing, so they are not drawn."""
    side, edge = 620.0, 10.0
    everything = np.concatenate([one.places for one in sets])
    low, high = everything.min(axis=0), everything.max(axis=0)
    xs = Scale(float(low[0]), float(high[0]), edge, side - edge)
    ys = Scale(float(low[1]), float(high[1]), side * 0.72 - edge, edge)
    parts = [
        element("circle", cx=xs(float(x)), cy=ys(float(y)), r=2.4, opacity="0.6", class_=f"fill c-{one.colour}")
        for one in sets
        for x, y in one.places
    ]
    told = ", ".join(f"{len(one.places)} of {one.label}" for one in sets)
    return drawing(side, side * 0.72, f"{what}: {told}.", parts)
