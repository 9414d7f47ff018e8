"""The page of a selection: what each rule kept, how scores are spread, and the best and the worst pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import pairsmith
from pairsmith.curation.selection import Explanation
from pairsmith.pairs import PairStore
from pairsmith.report.numbers import count, decimal, percent, plural
from pairsmith.report.page import PALETTE, render, save
from pairsmith.report.pictures import Picture, thumbnail
from pairsmith.report.score_charts import Values, value_histogram
from pairsmith.report.tables import Cell, Group, Row, Table

SHOWN = 12  # pictures in each row of examples
_COLOURS = ("real", "synthetic")


@dataclass(frozen=True)
class Example:
    """A pair of the page: its picture, its caption, and its scores in words."""

    picture: Picture | None
    caption: str
    scores: Sequence[tuple[str, str]]


def write_selection_page(store: PairStore, found: Explanation, path: Path, name: str = "") -> Path:
    """Write the page of a selection as one HTML file.

    Args:
        store: the pairs.
        found: the selection, explained.
        path: the file.
        name: of the selection, for the title.
    """
    chosen = set(found.chosen.tolist())
    dropped = np.array([at for at in found.candidates if at not in chosen], np.int64)
    total = len(store)
    scores = {**found.scores, "ranking sum": found.ranking}
    charts = [
        (label, value_histogram(
            [Values("all rows", _COLOURS[0], values), Values("chosen", _COLOURS[1], values[found.chosen])],
            label, f"Spread of {label}, all rows and the chosen ones",
        ))
        for label, values in scores.items()
    ]  # fmt: skip
    html = render(
        "selection.html.j2",
        version=pairsmith.__version__,
        palette=PALETTE,
        name=name,
        store=str(store.folder.resolve().name),
        by=found.selection.settings["selection"]["by"],
        chosen=count(len(found.chosen)),
        total=count(total),
        share=percent(len(found.chosen) / max(1, total), 1),
        rules=_rules(found, total),
        missing=_missing(found),
        summary=_summary(found),
        charts=charts,
        entries=[("all rows", _COLOURS[0]), ("chosen", _COLOURS[1])],
        best=_examples(store, found, found.chosen[:SHOWN]),
        last=_examples(store, found, found.chosen[SHOWN:][-SHOWN:]),
        worst=_examples(store, found, dropped[-SHOWN:][::-1]),
        settings=json.dumps(dict(found.selection.settings), indent=2, ensure_ascii=False),
    )
    return save(path, html)


def _rules(found: Explanation, total: int) -> Table:
    rows = [
        Row(
            rule.rule,
            [Cell(count(rule.before)), Cell(count(rule.after)), Cell(count(rule.dropped)),
             Cell(percent(rule.after / max(1, total), 1))],
        )
        for rule in found.rules
    ]  # fmt: skip
    titles = ["Before", "Kept", "Dropped", "Kept, of all"]
    return Table("What each rule kept, in the order in which they applied", [Group("", titles, rows)])


def _missing(found: Explanation) -> list[tuple[str, str, Sequence[str]]]:
    return [(name, plural(number, "row"), reasons) for name, (number, reasons) in found.missing.items() if number]


def _summary(found: Explanation) -> Table:
    rows = []
    for name, values in {**found.scores, "ranking sum": found.ranking}.items():
        there, kept = values[np.isfinite(values)], values[found.chosen]
        if len(there):
            rows.append(Row(name, [_mean(there), _range(there), _mean(kept), _range(kept)]))
    titles = ["All: mean", "All: range", "Chosen: mean", "Chosen: range"]
    return Table("Scores of all rows and of the chosen ones", [Group("", titles, rows)])


def _mean(values: np.ndarray) -> Cell:
    return Cell(decimal(values.mean(), 4), f"std {decimal(values.std(), 4)}")


def _range(values: np.ndarray) -> Cell:
    return Cell(f"{decimal(values.min(), 3)} to {decimal(values.max(), 3)}")


def _examples(store: PairStore, found: Explanation, positions: np.ndarray) -> list[Example]:
    table = store.take(positions, ["caption", "image"])
    images = [image["bytes"] if image else None for image in table.column("image").to_pylist()]
    examples = []
    for at, caption, image in zip(positions, table.column("caption").to_pylist(), images, strict=True):
        told = [(name, decimal(values[at], 3)) for name, values in found.scores.items()]
        told.append(("sum", decimal(found.ranking[at], 3)))
        examples.append(Example(thumbnail(image, f"Picture of: {caption}", "jpeg"), caption or "", told))
    return examples
