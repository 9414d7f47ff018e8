"""The report of a store of captions: what became of every row, and how evenly the captions spread before and after.

Spread is counted over the concepts of a bank that the captions name, as balancing counts it (`captions.balance`).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

import pairsmith
from pairsmith.captions.axes import AXES, Axis, coverage
from pairsmith.captions.balance import ConceptMatcher, ConceptSpread, concept_counts, concept_spread
from pairsmith.captions.checks import reason_code
from pairsmith.captions.concepts import ConceptBank
from pairsmith.pairs import PairStore
from pairsmith.report import examples, figures
from pairsmith.report.numbers import count, decimal, percent, plural
from pairsmith.report.page import PALETTE, render, save
from pairsmith.report.tables import Cell, Group, Row, Table

_GROUPS = 20  # columns of the chart
_NAMES = 15  # concepts that are told by name


@dataclass(frozen=True)
class CaptionSet:
    """Captions of one stage of the way, by the concepts that each of them names."""

    label: str
    colour: str
    matches: Sequence[Sequence[str]]
    spread: ConceptSpread


def write_caption_report(store: PairStore, path: Path, bank: ConceptBank | None = None) -> Path:
    """Write the page of a store of captions: written, filtered, balanced or with hard negatives.

    Args:
        store: finished or not; what it holds so far is shown.
        path: of the page.
        bank: concepts to count; None takes the packaged ones.

    Returns:
        The path.
    """
    bank = bank or ConceptBank.packaged()
    sets = caption_sets(store, ConceptMatcher(bank.names))
    before, after = sets[-2:]
    balanced = store.manifest.settings.get("stage") == "balance"
    other_bank = balanced and store.manifest.inputs.get("concepts") not in (None, bank.fingerprint)
    context = {
        "palette": {name: PALETTE[name] for name in ("real", "synthetic")},
        "version": pairsmith.__version__,
        "name": store.folder.name,
        "kind": "balanced" if balanced else store.manifest.settings.get("stage") or store.manifest.kind,
        "finished": store.manifest.complete,
        "headline": _headline(before, after),
        "cards": _cards(before, after),
        "bank": f"the {count(len(bank))} concepts of {bank.source}",
        "other_bank": other_bank,
        "spread_table": _spread_table(sets),
        "chart": _chart(before, after),
        "chart_legend": [(one.label, one.colour) for one in (before, after)],
        "names_table": _names_table(before, after),
        "axes_table": _axes_table(store),
        "written": examples.written(store),
        "settings": json.dumps(store.manifest.settings, indent=2, ensure_ascii=False),
    }
    return save(path, render("captions.html.j2", **context))


def caption_sets(store: PairStore, matcher: ConceptMatcher) -> list[CaptionSet]:
    """All captions; those before balancing, in a balanced store; those that are kept."""
    rows = [
        (row.status == "ok", reason_code(row.reason) == "balance", matcher.find(row.caption))
        for row in store.iter_pairs(["caption"], status=None)
        if row.caption
    ]

    def make(label: str, colour: str, matches: list[list[str]]) -> CaptionSet:
        return CaptionSet(label, colour, matches, concept_spread(matches))

    kept = [found for ok, _, found in rows if ok]
    sets = [make("All captions", "real", [found for *_, found in rows])]
    if store.manifest.settings.get("stage") == "balance":
        sets.append(make("Before balancing", "real", [found for ok, thinned, found in rows if ok or thinned]))
        return [*sets, make("After balancing", "synthetic", kept)]
    return [*sets, make("Captions kept", "synthetic", kept)]


def _headline(before: CaptionSet, after: CaptionSet) -> str:
    change = round(after.spread.entropy_bits, 2) - round(before.spread.entropy_bits, 2)  # as they are shown
    way = "more even" if change > 0 else "less even" if change < 0 else "as even"
    than = "as" if change == 0 else "than"
    return (
        f"{count(after.spread.captions)} of {plural(before.spread.captions, 'caption')} are kept. They are {way} "
        f"{than} before: entropy over concepts goes from {decimal(before.spread.entropy_bits, 2)} to "
        f"{decimal(after.spread.entropy_bits, 2)} bits, and the 5 most frequent concepts' share from "
        f"{percent(before.spread.top_5, 1)} to {percent(after.spread.top_5, 1)}."
    )


def _cards(before: CaptionSet, after: CaptionSet) -> list[dict[str, str]]:
    def card(label: str, value: str, detail: str) -> dict[str, str]:
        return {"label": label, "value": value, "detail": detail}

    kept = after.spread.captions / before.spread.captions if before.spread.captions else None
    return [
        card("Captions", count(after.spread.captions), f"{percent(kept, 1)} of {count(before.spread.captions)}"),
        card("Concepts named", count(after.spread.concepts), f"before: {count(before.spread.concepts)}"),
        card(
            "Entropy",
            decimal(after.spread.entropy_bits, 2),
            f"bits; before: {decimal(before.spread.entropy_bits, 2)}",
        ),
        card("Top 5", percent(after.spread.top_5, 1), f"of mentions; before: {percent(before.spread.top_5, 1)}"),
    ]


def _spread_table(sets: Sequence[CaptionSet]) -> Table:
    rows = [
        Row(
            one.label,
            [
                Cell(count(one.spread.captions)),
                Cell(count(one.spread.concepts)),
                Cell(decimal(one.spread.entropy_bits, 2), f"at most {decimal(_most_bits(one.spread.concepts), 2)}"),
                Cell(percent(one.spread.top_5, 1)),
            ],
            one.colour,
        )
        for one in sets
    ]
    columns = ("Captions", "Concepts named", "Entropy, bits", "Top 5")
    note = (
        "Entropy of the counts of the concepts that captions name (higher is more even; a uniform spread has the "
        "most); concentration is the share of the 5 most frequent concepts in all mentions (lower is more even)."
    )
    return Table("Spread over concepts, before and after", [Group("", columns, rows)], note)


def _most_bits(concepts: int) -> float:
    return float(np.log2(concepts)) if concepts else 0.0


def _ranked(before: CaptionSet) -> list[str]:
    counts = concept_counts(before.matches)
    return sorted(counts, key=lambda name: (-counts[name], name))


def _chart(before: CaptionSet, after: CaptionSet) -> Markup | None:
    """Mentions by groups of concepts, from the most to the least frequent before."""
    ranked = _ranked(before)
    if not ranked:
        return None
    groups = np.array_split(np.array(ranked, object), min(_GROUPS, len(ranked)))
    columns = [figures.Columns(one.label, one.colour, _shares(one, groups)) for one in (before, after)]
    axis = "Concepts in groups of equal size, from the most frequent to the rarest"
    return figures.histogram(
        columns, 1 / len(groups), "even", axis, "Part of the mentions that falls to each group of concepts", "group"
    )


def _shares(one: CaptionSet, groups: Sequence[Any]) -> list[float]:
    counts = concept_counts(one.matches)
    total = max(1, sum(counts.values()))
    return [sum(counts[name] for name in group) / total for group in groups]


def _names_table(before: CaptionSet, after: CaptionSet) -> Table:
    counts, kept = concept_counts(before.matches), concept_counts(after.matches)
    rows = [Row(name, [Cell(count(counts[name])), Cell(count(kept[name]))]) for name in _ranked(before)[:_NAMES]]
    return Table("The most frequent concepts", [Group("", ("Captions before", "Captions after"), rows)])


def _axes_table(store: PairStore) -> Table | None:
    """Rows asked for and kept of every value of the semantic axes; None where none was asked for."""
    rows = [(row.concept, row.axis, row.status == "ok") for row in store.iter_pairs(["concept", "axis"], status=None)]
    asked = Counter(label for _, label, _ in rows if label)
    if not asked:
        return None
    kept = Counter(label for _, label, ok in rows if label and ok)
    groups: dict[str, list[Row]] = {}
    for label, number in asked.most_common():
        axis, _, value = label.partition(": ")
        share = percent(kept[label] / number)
        groups.setdefault(axis, []).append(Row(value, [Cell(count(number)), Cell(count(kept[label])), Cell(share)]))
    concepts = len({concept for concept, label, _ in rows if label})
    axes = [
        AXES.get(axis) or Axis(name=axis, values=tuple(row.name for row in found)) for axis, found in groups.items()
    ]
    covered = [
        coverage(((concept, label) for concept, label, ok in rows if ok or not only_ok), concepts, axes)
        for only_ok in (False, True)
    ]
    note = (
        f"Pairs of a concept that was drawn and a value: {count(covered[0].planned)} there are, "
        f"{count(covered[0].cells)} were asked for ({percent(covered[0].share, 1)}), {count(covered[1].cells)} came "
        f"out well ({percent(covered[1].share, 1)})."
    )
    columns = ("Asked for", "Kept", "Part kept")
    return Table("Semantic axes", [Group(axis.capitalize(), columns, found) for axis, found in groups.items()], note)
