"""Small SVG drawings for a page: elements whose text is always escaped, scales and round ticks.

Colours come from the page's style sheet by class ("c-baseline" ...), so that one drawing suits light, dark and print.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from markupsafe import Markup, escape

Anchor = Literal["start", "middle", "end"]


def element(tag: str, *children: Any, **attributes: Any) -> Markup:
    """An SVG element. `class_` gives "class", `stroke_width` "stroke-width"; None leaves an attribute out."""
    named = Markup("").join(
        Markup(' {}="{}"').format(name.rstrip("_").replace("_", "-"), _plain(value))
        for name, value in attributes.items()
        if value is not None
    )
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(tag), named, Markup("").join(map(escape, children)))


def label(x: float, y: float, content: Any, *, anchor: Anchor = "start", class_: str | None = None) -> Markup:
    """A line of text whose middle is at `y`."""
    return element("text", content, x=x, y=y, text_anchor=anchor, dominant_baseline="central", class_=class_)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def box(x: float, y: float, width: float, height: float, class_: str, *children: Any) -> Markup:
    """A rectangle; children are its tooltip."""
    return element("rect", *children, x=x, y=y, width=max(0.0, width), height=max(0.0, height), class_=class_)


def tooltip(content: str) -> Markup:
    """Shown by browsers when the pointer rests on the element around it."""
    return element("title", content)


def drawing(width: float, height: float, description: str, parts: Iterable[Any]) -> Markup:
    """The whole drawing; `description` is what those hear who do not see it."""
    return element(
        "svg",
        *parts,
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        width=f"{width:.0f}",
        height=f"{height:.0f}",
        role="img",
        aria_label=description,
        class_="chart",
    )


@dataclass(frozen=True)
class Scale:
    """Values to places along an axis."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return self.start + share * (self.end - self.start)


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """About so many round values that enclose low..high."""
    if not high > low:
        high = low + (abs(low) or 1.0)
    raw = (high - low) / max(1, about)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 10) for number in range(first, last + 1)]


def tick_text(value: float) -> str:
    """As few digits as it takes: 1,000 or 0.25."""
    return f"{value:,.10g}".replace("-", "−") if abs(value) < 1e10 else f"{value:.3g}"


def _plain(value: Any) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
