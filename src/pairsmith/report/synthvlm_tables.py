"""The tables of a SynthVLM report: arms, differences, data sets, what pictures show, and curation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pairsmith.evaluation.bootstrap import Interval
from pairsmith.report.data_sets import PUBLISHED, PUBLISHED_TITLE
from pairsmith.report.numbers import DASH, count, decimal, interval_of, plural, signed, spread
from pairsmith.report.synthvlm_run import LABELS, STAGE_LABELS, SynthvlmRun
from pairsmith.report.tables import Cell, Group, Row, Table, cell, is_clear

CLEAR, UNCLEAR = "leaves out 0", "holds 0"
_MEASURES = ("clip", "ssim", "weighted")
_METRICS = {"cider": "CIDEr", "vqa": "VQA", "exact": "Right captions"}


def arm_table(run: SynthvlmRun) -> Table:
    """Every arm: its pairs, CIDEr after each stage, VQA accuracy, captions that are right in everything."""
    last = run.stages[-1] if run.stages else ""
    columns = ["Pairs", *(f"CIDEr {STAGE_LABELS[stage]}" for stage in run.stages)]
    extra = [name for name in ("vqa", "exact") if any(run.figure(arm, last, name) for arm in LABELS)]
    columns += [f"{_METRICS[name]}, %" for name in extra]
    rows = []
    for arm, label in LABELS.items():
        entries = [one for one in run.entries if one["arm"] == arm]
        if not entries:
            continue
        cells = [Cell(count(entries[0]["pairs"]))]
        cells += [cell(found.cider if (found := run.arms[stage].get(arm)) else None) for stage in run.stages]
        cells += [cell(run.figure(arm, last, name)) for name in extra]
        rows.append(Row(label, cells, arm))
    seeds = plural(run.settings.seeds, "seed")
    return Table(
        "The arms",
        [Group("", columns, rows)],
        f"Means with 95 % intervals over test images and {seeds}. All arms take equally many steps from the same "
        "start. Whether two arms differ is in the next table, not in whether their intervals overlap.",
    )


def difference_table(run: SynthvlmRun) -> Table | None:
    """Selected minus random, all and real, image by image and seed by seed; None where there is no pair of arms."""
    columns = list(dict.fromkeys(key for found in run.differences.values() for key in found))
    if not columns:
        return None
    rows = [
        Row(
            f"{LABELS[first]} − {LABELS[second].lower()}",
            [difference_cell(found[key]) if key in found else Cell(DASH) for key in columns],
        )
        for (first, second), found in run.differences.items()
        if found
    ]
    titles = [f"{_METRICS[name]}, {stage.replace('_', ' ')}" for stage, name in columns]
    return Table(
        "Differences over the same test images and seeds",
        [Group("", titles, rows)],
        "An interval that holds 0 cannot tell the two arms apart. Few seeds make intervals wide.",
    )


def difference_cell(value: Interval, digits: int = 1) -> Cell:
    """A difference with its interval, and whether that leaves out 0."""
    return Cell(
        signed(value.value, digits),
        spread(value, digits, sign=True),
        CLEAR if is_clear(value) else UNCLEAR,
        "clear" if is_clear(value) else "unclear",
    )


def set_table(pairs: Mapping[str, Any]) -> Table:
    """The paper's data-set table for the arms' pairs; on scenes with the share of pictures that are exactly right."""
    shown: Mapping[str, Any] = pairs.get("shown", {})
    rows = []
    for arm, label in LABELS.items():
        measures = pairs["scores"].get(arm)
        if measures is None:
            continue
        cells = [Cell(count(pairs["counts"][arm]))]
        cells += [cell(interval_of(measures[name]["value"]), 4) for name in _MEASURES]
        if shown:
            cells.append(cell(interval_of(shown.get(arm, {}).get("exact"))))
        rows.append(Row(label, cells, arm))
    titles = ["Pairs", "CLIPScore", "SSIM", "Weighted", *(["Picture exactly right, %"] if shown else [])]
    blank = [Cell(DASH)] if shown else []
    published = [Row(name, [Cell(DASH), *map(Cell, values), *blank]) for name, *values in PUBLISHED]
    return Table(
        "Scores of the pairs",
        [
            Group("This run", titles, rows),
            Group(PUBLISHED_TITLE, titles, published, True),
        ],
        "Means with 95 % intervals over captions. Published figures compare only with scores of the same model and "
        "sizes."
        + (" Exactly right: the oracle finds all objects, colours, sizes and places, and the ground." if shown else ""),
    )


def shown_table(pairs: Mapping[str, Any]) -> Table | None:
    """What the oracle finds in the arms' pictures, attribute by attribute; None with own pairs."""
    shown: Mapping[str, Any] = pairs.get("shown", {})
    if not shown:
        return None
    named = {LABELS[arm]: shown[arm] for arm in LABELS if arm in shown}
    named["True pictures"] = pairs.get("oracle", {})
    named["True pictures through the tokenizer"] = pairs.get("ceiling", {})
    attributes = list(next(iter(shown.values())))
    rows = [Row(label, [cell(interval_of(values.get(name))) for name in attributes]) for label, values in named.items()]
    return Table(
        "Pictures that show what their captions say, % by attribute",
        [Group("", [name.capitalize() for name in attributes], rows)],
        "A small network trained on drawn scenes looks. The last two rows are what it finds in pictures that are "
        "certainly right: the most that a generator of this tokenizer can reach.",
    )


def kind_table(pairs: Mapping[str, Any]) -> Table | None:
    """Which scenes the arms' captions speak of; None with own pairs."""
    kinds: Mapping[str, Any] = pairs.get("kinds", {})
    if not kinds:
        return None
    names = list(next(iter(kinds.values())))
    rows = [
        Row(label, [cell(interval_of(kinds[arm].get(name))) for name in names], arm)
        for arm, label in LABELS.items()
        if arm in kinds
    ]
    titles = {"single": "One object", "pair": "Two objects", "group": "A group", "none": "No sentence about a scene"}
    return Table(
        "What the captions speak of, %",
        [Group("", [titles.get(name, name) for name in names], rows)],
        "The test shows the three kinds of scenes equally often. A score that prefers one kind leaves the model less "
        "of the others to learn from.",
    )


def curation_table(curation: Mapping[str, Any]) -> Table:
    """Captions left after each step and, on scenes, how many of them are true of their original pictures."""
    steps = curation["steps"]
    scenes = any(step["true"] is not None for step in steps)
    rows = [
        Row(
            step["step"][:1].upper() + step["step"][1:],
            [Cell(count(step["pairs"])), *([cell(interval_of(step["true"]))] if scenes else [])],
        )
        for step in steps
    ]
    return Table("Captions", [Group("", ["Pairs", *(["True of the original, %"] if scenes else [])], rows)])


def outcome_table(curation: Mapping[str, Any]) -> Table:
    """What became of every source caption."""
    outcomes: Mapping[str, int] = curation["outcomes"]
    total = sum(outcomes.values())
    rows = [
        Row("Kept" if name == "ok" else name[:1].upper() + name[1:],
            [Cell(count(number)), Cell(f"{decimal(100 * number / max(1, total))} %")])
        for name, number in outcomes.items()
    ]  # fmt: skip
    return Table("Why captions fell", [Group("", ("Captions", "Part"), rows)])
