"""The tables of a report: cells, rows and groups, how differences are judged, and the tables of a run alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pairsmith.evaluation.bootstrap import Interval
from pairsmith.evaluation.metrics_file import Metric
from pairsmith.report.arms import ArmResult, Difference, difference, relative_gain
from pairsmith.report.numbers import (
    DASH,
    count,
    data_size,
    decimal,
    duration,
    finite,
    percent,
    plural,
    signed,
    signed_percent,
    significant,
    spread,
)
from pairsmith.report.training_time import TrainingTime

NOT_SIGNIFICANT = "not significant"


@dataclass(frozen=True)
class Cell:
    """A figure, its interval or other detail under it, and a short remark; `kind` is the remark's style."""

    text: str
    detail: str = ""
    remark: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Row:
    """A row: its name, then its cells; `colour` is that of its arm."""

    name: str
    cells: Sequence[Cell]
    colour: str = ""


@dataclass(frozen=True)
class Group:
    """Rows under a heading with column titles of their own; `published` rows are set apart."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Row]
    published: bool = False


@dataclass(frozen=True)
class Table:
    """A table with its caption and a note below."""

    caption: str
    groups: Sequence[Group]
    note: str = ""


def cell(interval: Interval | None, digits: int = 1, sign: bool = False) -> Cell:
    """A figure with its interval under it."""
    if interval is None:
        return Cell(DASH)
    return Cell((signed if sign else decimal)(interval.value, digits), spread(interval, digits, sign))


def verdict(found: Difference) -> tuple[str, str]:
    """(words, style) about a difference: overlapping intervals are not significant, whatever the pairing says."""
    if not found.overlap:
        return "intervals apart", "clear"
    if found.clear_by_image:
        return f"{NOT_SIGNIFICANT}: intervals overlap, though image by image it is clear", "unclear"
    return f"{NOT_SIGNIFICANT}: intervals overlap", "unclear"


def is_clear(found: Interval) -> bool | None:
    """Whether a difference's interval leaves out 0; None without an interval."""
    low, high = finite(found.low), finite(found.high)
    return None if low is None or high is None else low > 0 or high < 0


def from_baseline(arm: ArmResult, baseline: ArmResult | None) -> Cell:
    """The difference of CIDEr from Baseline, over the same images."""
    found = difference(arm, baseline) if baseline is not None and baseline.name != arm.name else None
    if found is None:
        return Cell(DASH)
    shown = cell(found.value, sign=True)
    gain = relative_gain(arm, baseline) if baseline is not None else None
    text = shown.text if gain is None else f"{shown.text} ({signed_percent(gain.value)})"
    return Cell(text, shown.detail, *verdict(found))


def seeds_cell(arm: ArmResult) -> Cell:
    """How many seeds, and the standard deviation over them."""
    detail = "" if arm.seed_std is None else f"std {decimal(arm.seed_std)}"
    return Cell(count(len(arm.seeds)), detail)


def attribute_table(caption: str, series: Mapping[str, Mapping[str, Mapping[str, Interval]]], note: str) -> Table:
    """Attributes across, one row a series and axis: series label -> axis -> attribute -> interval ×100."""
    axes = list(dict.fromkeys(axis for values in series.values() for axis in values))
    names = list(dict.fromkeys(name for values in series.values() for axis in axes for name in values.get(axis, {})))
    groups = [
        Group(
            axis[:1].upper() + axis[1:],
            [name.capitalize() for name in names],
            [
                Row(label, [cell(values[axis].get(name)) for name in names])
                for label, values in series.items()
                if axis in values
            ],
        )
        for axis in axes
    ]
    return Table(caption, groups, note)


def time_table(times: Sequence[TrainingTime]) -> Table:
    """How long every training took."""
    rows = [
        Row(
            time.name,
            [
                Cell(count(time.steps)),
                Cell(count(time.batch_size)),
                Cell(significant(time.steps_per_second)),
                Cell(duration(time.seconds)),
            ],
        )
        for time in times
    ]
    known = [time.seconds for time in times if time.seconds is not None]
    rows.append(Row("Together", [Cell(""), Cell(""), Cell(""), Cell(duration(sum(known) if known else None))]))
    return Table(
        "Trainings of this run",
        [Group("", ("Steps", "Batch", "Steps/s at the end", "Time"), rows)],
        "Time of evaluations and checkpoints included. Models that ship with the package were not trained here.",
    )


def stage_table(stages: Mapping[str, Any], sizes: Mapping[str, Any]) -> Table:
    """Milliseconds of every stage, and bytes of an image in either form."""
    rows = [Row(name[:1].upper() + name[1:], [Cell(f"{significant(time)} ms")]) for name, time in stages.items()]
    rows += [Row(f"Storage of an image as {name}", [Cell(data_size(size))]) for name, size in sizes.items()]
    return Table("Stages of a step, each timed on its own", [Group("", ("Median",), rows)])


def curve_table(arms: Mapping[str, ArmResult]) -> Table:
    """The points of the learning curves: a row a step, a column an arm."""
    shown = [arm for arm in arms.values() if arm.curve]
    points = [{point.step: point for point in arm.curve} for arm in shown]
    rows = []
    for step in sorted({step for curve in points for step in curve}):
        found = [curve.get(step) for curve in points]
        cells = [
            Cell(DASH) if point is None else Cell(decimal(point.mean), f"± {decimal(point.std)}" if point.std else "")
            for point in found
        ]
        rows.append(Row(f"After {count(step)} steps", cells))
    return Table("CIDEr against training steps", [Group("", [arm.label for arm in shown], rows)])


def share_table(sets: Sequence[tuple[str, Sequence[float]]]) -> Table:
    """The parts of several caption sets in every cluster: a row a cluster, a column a set."""
    rows = [
        Row(f"Cluster {number}", [Cell(percent(share, 1)) for share in shares])
        for number, shares in enumerate(zip(*(shares for _, shares in sets), strict=True), 1)
    ]
    return Table("Captions in each cluster", [Group("", [name for name, _ in sets], rows)])


def metrics_table(metrics: Mapping[str, Metric]) -> Table:
    """All of metrics.json."""
    rows = [
        Row(key, [Cell(significant(m.value, 4)), Cell(significant(m.low, 4)), Cell(significant(m.high, 4)),
                  Cell(count(m.n))])
        for key, m in metrics.items()
    ]  # fmt: skip
    return Table("All figures of metrics.json", [Group("", ("Value", "Low", "High", "n"), rows)])


def seeds_note(arms: Mapping[str, ArmResult]) -> str:
    """What the intervals do and do not cover."""
    numbers = {len(arm.seeds) for arm in arms.values()}
    most = max(numbers, default=0)
    if most <= 1:
        return (
            "Intervals are 95 % bootstrap intervals over test images. One seed an arm: how much another seed would "
            "change is not known and not in them."
        )
    return (
        f"Intervals are 95 % intervals over test images and seeds ({plural(most, 'seed')} an arm): the variances of "
        "both are added. The generator and its pictures are the same for all seeds."
    )
