"""A radar chart: several series over a handful of tasks, each task an axis from the middle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from pairsmith.report.numbers import decimal
from pairsmith.report.svg import drawing, element, label, line, tick_text, tooltip

_WIDTH, _HEIGHT, _RADIUS = 760.0, 430.0, 165.0
_RINGS = 4


@dataclass(frozen=True)
class Spoke:
    """An axis: its name, and the values at the middle and at the rim."""

    name: str
    low: float = 0.0
    high: float = 100.0


@dataclass(frozen=True)
class Outline:
    """One series: a value for each spoke, or None."""

    label: str
    colour: str
    values: Sequence[float | None]


def radar(spokes: Sequence[Spoke], series: Sequence[Outline], what: str) -> Markup:
    """Outlines over spokes; a value outside its spoke is drawn at the end of it.

    Args:
        spokes: at least three, clockwise from the top.
        series: those that lack a value are left out.
        what: begins the description.
    """
    series = [one for one in series if all(value is not None and math.isfinite(value) for value in one.values)]
    centre = _WIDTH / 2, _HEIGHT / 2
    turns = [2 * math.pi * number / len(spokes) - math.pi / 2 for number in range(len(spokes))]

    def place(number: int, share: float) -> tuple[float, float]:
        return (
            centre[0] + _RADIUS * share * math.cos(turns[number]),
            centre[1] + _RADIUS * share * math.sin(turns[number]),
        )

    def outline(shares: Sequence[float]) -> str:
        return " ".join("{:.1f},{:.1f}".format(*place(number, share)) for number, share in enumerate(shares))

    parts: list[Markup] = []
    for ring in range(1, _RINGS + 1):
        parts.append(element("polygon", points=outline([ring / _RINGS] * len(spokes)), class_="ring"))
    for number, spoke in enumerate(spokes):
        parts.append(line(*centre, *place(number, 1.0), "grid"))
        x, y = place(number, 1.0)
        across = math.cos(turns[number])
        anchor = "middle" if abs(across) < 0.2 else ("start" if across > 0 else "end")
        shift = 14 * math.sin(turns[number]) if anchor == "middle" else 6 * math.sin(turns[number])
        words = f"{spoke.name} ({tick_text(spoke.low)}–{tick_text(spoke.high)})"
        parts.append(label(x + 10 * across, y + shift, words, anchor=anchor, class_="name"))  # type: ignore[arg-type]
    for number, one in enumerate(series):
        shares = [
            min(1.0, max(0.0, (float(value or 0.0) - spoke.low) / (spoke.high - spoke.low)))
            for value, spoke in zip(one.values, spokes, strict=True)
        ]
        parts.append(
            element("polygon", tooltip(one.label), points=outline(shares), class_=f"web dash-{number} c-{one.colour}")
        )
        for at, share in enumerate(shares):
            x, y = place(at, share)
            words = f"{one.label}, {spokes[at].name}: {decimal(one.values[at])}"
            parts.append(element("circle", tooltip(words), cx=x, cy=y, r=3.0, class_=f"dot c-{one.colour}"))
    told = "; ".join(
        f"{one.label}: "
        + ", ".join(f"{spoke.name} {decimal(value)}" for spoke, value in zip(spokes, one.values, strict=True))
        for one in series
    )
    return drawing(_WIDTH, _HEIGHT, f"{what}. {told}.", parts)
