"""The page's frame: escaping, unwanted characters, strict templates, and files that appear whole."""

from __future__ import annotations

from pathlib import Path

import jinja2
import pytest

from pairsmith.report import page
from pairsmith.report.page import PALETTE, render, save


def test_a_missing_figure_is_an_error_and_not_a_blank() -> None:
    with pytest.raises(jinja2.UndefinedError):
        render("synth2.html.j2", palette=PALETTE, version="0", preset="tiny")


def test_saved_whole_with_half_characters_replaced(tmp_path: Path) -> None:
    path = save(tmp_path / "report.html", "a \ud83d b 🙂")
    assert path.read_text(encoding="utf-8") == "a ? b 🙂"
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize("name", list(PALETTE))
def test_colours_stand_out_from_the_page(name: str) -> None:
    """Shapes and lines need a contrast of 3 to 1 with what they lie on (WCAG 2.1, 1.4.11)."""
    for colour, ground in zip(PALETTE[name], ("#fbfaf8", "#15171a"), strict=True):
        lighter, darker = sorted((luminance(colour), luminance(ground)), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 3, colour


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_templates_ship_with_the_package() -> None:
    folder = Path(page.__file__).parent / "templates"
    assert {file.name for file in folder.glob("*.j2")} == {
        "captions.html.j2",
        "data_sets.html.j2",
        "gallery.html.j2",
        "macros.html.j2",
        "page.html.j2",
        "polygen.html.j2",
        "selection.html.j2",
        "style.css.j2",
        "synth2.html.j2",
        "synthvlm.html.j2",
    }
