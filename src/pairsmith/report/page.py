"""From a template and its figures to one HTML file: no scripts, no outside resources, everything from data escaped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pairsmith.pairs.atomic import atomic_file

REPORT_NAME = "report.html"
# Name -> colours on a light and on a dark page; chosen to differ for colour-blind eyes too.
PALETTE = {
    "baseline": ("#3f7fb5", "#7fb6e3"),
    "synthetic": ("#7446b0", "#b795f0"),
    "pixels": ("#c04a7c", "#ec92b8"),
    "gold": ("#b07a0c", "#e0b450"),
    "real": ("#3f7fb5", "#7fb6e3"),
    "all": ("#6f7681", "#9aa0aa"),
    "random": ("#b07a0c", "#e0b450"),
    "selected": ("#7446b0", "#b795f0"),
    "clip": ("#c04a7c", "#ec92b8"),
    "ssim": ("#2f8f7a", "#6fcfb8"),
    "curated": ("#5a6fd0", "#9fb0ff"),
    "text": ("#8f70bf", "#9479c9"),
    "draw": ("#7446b0", "#b795f0"),
    "decode": ("#c04a7c", "#ec92b8"),
    "encode": ("#8c3a78", "#cf8fc0"),
    "model": ("#6f7681", "#8d949f"),
    "paper": ("#8a8f98", "#9aa0aa"),
}

# Characters that HTML forbids, and those that turn the reading direction of all that follows.
_UNWANTED = dict.fromkeys(
    [*range(9), 11, 12, *range(14, 32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
)


def render(template: str, **context: Any) -> str:
    """A template of this package with its context as HTML.

    Args:
        template: name of a file in `templates/`.
        context: its variables; text is escaped, `Markup` is not.
    """
    environment = Environment(
        loader=PackageLoader("pairsmith.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_clean,
    )
    return environment.get_template(template).render(**context)


def save(path: Path, html: str) -> Path:
    """Write a page in one step; a half character that no file can hold becomes a question mark."""
    with atomic_file(path) as file:
        file.write(html.encode("utf-8", "replace"))
    return path


def _clean(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    cleaned = str(value).translate(_UNWANTED)
    return Markup(cleaned) if isinstance(value, Markup) else cleaned
