"""The trained VLMs of a run as a report needs them: seeds joined, intervals ready, and arms compared.

Intervals of several seeds hold both the choice of images and that of seeds (`evaluation.several_seeds`), as in
`metrics.json`.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pairsmith.evaluation import several_seeds
from pairsmith.evaluation.bootstrap import Interval
from pairsmith.report.numbers import finite, interval_of

LABELS = {"baseline": "Baseline", "synthetic": "Synth²", "pixels": "Synth² from pixels", "gold": "Gold"}


@dataclass(frozen=True)
class CurvePoint:
    """A point of a learning curve: mean and standard deviation over seeds (None of one seed)."""

    step: int
    mean: float
    std: float | None


@dataclass(frozen=True)
class ArmResult:
    """One arm.

    Attributes:
        name, label: as in the settings, and for people.
        seeds: those that were trained.
        metrics: cider_d, bleu_1 .. bleu_4, rouge_l -> interval, ×100; what was not finite is left out.
        by_seed: CIDEr of every seed, ×100.
        scores: [S, n] CIDEr of every seed and test image, in the order of the test rows; None if unusable.
        first_scores: [n] CIDEr of every test image by the first seed, which also wrote `captions`.
        truth: axis -> attribute -> interval ×100, mean over seeds.
        captions: test row id -> caption, of the first seed.
        curve: CIDEr against training steps.
    """

    name: str
    label: str
    seeds: tuple[int, ...]
    metrics: dict[str, Interval]
    by_seed: tuple[float, ...]
    scores: NDArray[np.float64] | None
    first_scores: NDArray[np.float64] | None
    truth: dict[str, dict[str, Interval]]
    captions: dict[str, str]
    curve: tuple[CurvePoint, ...]

    @property
    def cider(self) -> Interval | None:
        """CIDEr-D ×100."""
        return self.metrics.get("cider_d")

    @property
    def seed_std(self) -> float | None:
        """Standard deviation of CIDEr over seeds; None of one seed."""
        return statistics.stdev(self.by_seed) if len(self.by_seed) > 1 else None


@dataclass(frozen=True)
class Difference:
    """An arm against another.

    Attributes:
        value: difference of CIDEr with its interval over the same images, where there is one.
        overlap: whether the two arms' own intervals overlap (the cautious test that verdicts rest on).
        clear_by_image: whether the paired interval leaves out 0.
    """

    value: Interval
    overlap: bool
    clear_by_image: bool


def join_seeds(entries: Iterable[Mapping[str, Any]], labels: Mapping[str, str] = LABELS) -> dict[str, ArmResult]:
    """Arms by name from the files of `evaluation/arms`, in the order of `labels`, which says what people call them."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for entry in entries:
        groups.setdefault(str(entry.get("arm")), []).append(entry)
    return {name: _join(name, label, groups[name]) for name, label in labels.items() if name in groups}


def difference(arm: ArmResult, other: ArmResult) -> Difference | None:
    """`arm` - `other` in CIDEr; None where one of them has none."""
    if arm.cider is None or other.cider is None:
        return None
    value = Interval(arm.cider.value - other.cider.value, None, None, 0)
    paired = _paired(arm, other)
    if paired:
        value = several_seeds.difference_of_means(*paired)
    clear = value.low is not None and value.high is not None and (value.low > 0 or value.high < 0)
    return Difference(value, _overlap(arm.cider, other.cider), clear)


def relative_gain(arm: ArmResult, other: ArmResult) -> Interval | None:
    """100 × (`arm` / `other` - 1) in CIDEr, with its interval over the same images; None where it has no sense."""
    if arm.cider is None or other.cider is None or other.cider.value <= 0:
        return None
    paired = _paired(arm, other)
    if paired:
        return several_seeds.relative_gain(*paired)
    return Interval(100 * (arm.cider.value / other.cider.value - 1), None, None, 0)


def _over_seeds(values: Sequence[Mapping[str, Any] | None]) -> Interval | None:
    """The seeds' values joined; None where a value is not finite."""
    found = [interval for value in values if (interval := interval_of(value))]
    return several_seeds.over_seeds(found) if found and len(found) == len(values) else None


def _join(name: str, label: str, entries: list[Mapping[str, Any]]) -> ArmResult:
    entries = sorted(entries, key=lambda entry: int(entry.get("seed", 0)))
    metrics: dict[str, Interval] = {}
    for key in entries[0].get("metrics", {}):
        joined = _over_seeds([entry.get("metrics", {}).get(key) for entry in entries])
        if joined is not None:
            metrics[key] = joined
    scores = _scores(entries)
    if scores is not None:
        metrics["cider_d"] = several_seeds.seeds_and_images(scores, several_seeds.CIDER)
    ciders = [finite(entry.get("metrics", {}).get("cider_d", {}).get("value")) for entry in entries]
    return ArmResult(
        name=name,
        label=label,
        seeds=tuple(int(entry.get("seed", 0)) for entry in entries),
        metrics=metrics,
        by_seed=tuple(value for value in ciders if value is not None),
        scores=scores,
        first_scores=None if scores is None else scores[0],
        truth=_truth(entries),
        captions={str(key): str(text) for key, text in entries[0].get("captions", {}).items()},
        curve=_curve(entries),
    )


def _scores(entries: Sequence[Mapping[str, Any]]) -> NDArray[np.float64] | None:
    rows = [entry.get("per_image", {}).get("cider_d", []) for entry in entries]
    if not rows[0] or len({len(row) for row in rows}) != 1:
        return None
    values = np.array(rows, np.float64)  # [S, n]
    return values if np.isfinite(values).all() else None


def _truth(entries: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Interval]]:
    found: dict[str, dict[str, Interval]] = {}
    for axis, attributes in (entries[0].get("truth") or {}).items():
        joined = {
            name: _over_seeds([(entry.get("truth") or {}).get(axis, {}).get(name) for entry in entries])
            for name in attributes
        }
        found[axis] = {name: value for name, value in joined.items() if value is not None}
    return found


def _curve(entries: Sequence[Mapping[str, Any]]) -> tuple[CurvePoint, ...]:
    by_step: dict[int, list[float]] = {}
    for entry in entries:
        for point in entry.get("curve") or []:
            value = finite(point.get("cider"))
            if value is not None:
                by_step.setdefault(int(point["step"]), []).append(value)
    return tuple(
        CurvePoint(step, statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None)
        for step, values in sorted(by_step.items())
    )


def _paired(arm: ArmResult, other: ArmResult) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Both arms' scores [S, n] of the seeds that both were trained with; None where they cannot be laid together."""
    ours, theirs = arm.scores, other.scores
    common = [seed for seed in arm.seeds if seed in other.seeds]
    if ours is None or theirs is None or not common or ours.shape[1] != theirs.shape[1] or ours.shape[1] < 2:
        return None
    rows = ([found.seeds.index(seed) for seed in common] for found in (arm, other))
    return ours[next(rows)], theirs[next(rows)]


def _overlap(first: Interval, second: Interval) -> bool:
    """Of intervals; one without ends tells nothing apart."""
    if first.low is None or first.high is None or second.low is None or second.high is None:
        return True
    return first.low <= second.high and second.low <= first.high
