"""The tables of a PolyGen report: delta MTL and its tasks, tests of composition, generators, the budget."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pairsmith.evaluation.bootstrap import Interval
from pairsmith.evaluation.scene_suite import MTL_TASKS
from pairsmith.recipes.polygen.comparison import ArmScores, delta, difference
from pairsmith.report.numbers import DASH, count, decimal, finite, interval_of, significant
from pairsmith.report.polygen_run import PolygenRun
from pairsmith.report.tables import Cell, Group, Row, Table, cell

TASKS = {
    "linear_probe": "Linear probe",
    "few_shot": "Few-shot",
    "image_retrieval": "Image R@5",
    "text_retrieval": "Text R@5",
    "zero_shot": "Zero-shot",
}
_CREPE = ("sugarcrepe_macro", "sugarcrepe_pp_itt", "sugarcrepe_pp_tot")
_CREPE_TITLES = ("SugarCrepe", "SugarCrepe++ ITT", "SugarCrepe++ TOT")
_SUBSETS = ("replace_att", "replace_obj", "replace_rel", "swap_att", "swap_obj")


def colour(run: PolygenRun, arm: str) -> str:
    """An arm's name among the page's colours."""
    return f"a{[one.name for one in run.arms].index(arm)}"


def delta_table(run: PolygenRun) -> Table | None:
    """Delta MTL over the baseline and over the best single arm, and the five tasks."""
    baseline, best = run.baseline, run.best
    if not run.scores:
        return None
    rows = []
    for name, arm in run.scores.items():
        over = _delta_cell(arm, baseline)
        beyond = Cell(DASH) if name.startswith("single_") else _delta_cell(arm, best)
        tasks = [cell(arm.metrics.get(key)) for key in MTL_TASKS.values()]
        rows.append(Row(run.label(name), [over, beyond, *tasks], colour(run, name)))
    columns = ("Δ MTL, %", "over the best single, %", *TASKS.values())
    return Table(
        "Five tasks, and the mean relative change over the baseline",
        [Group("", columns, rows)],
        f"Baseline: {run.label(baseline.name) if baseline else DASH}, in SynthCLIP's part. The best single generator "
        "is chosen on these very tests, which favours it. Δ MTL (SynthCLIP, appendix G): the mean over the five tasks "
        "of (arm − baseline) / baseline.",
    )


def composition_table(run: PolygenRun) -> Table | None:
    """SugarCrepe and SugarCrepe++ of every arm, subset by subset, and differences in points."""
    if not run.scores:
        return None
    groups = [
        Group(
            "Mean over the subsets",
            _CREPE_TITLES,
            [
                Row(run.label(name), [cell(arm.metrics.get(key)) for key in _CREPE], colour(run, name))
                for name, arm in run.scores.items()
            ],
        )
    ]
    for kind, title in (("itt", "SugarCrepe++ ITT by subset"), ("tot", "SugarCrepe++ TOT by subset")):
        groups.append(
            Group(
                title,
                [subset.replace("_", " ") for subset in _SUBSETS],
                [
                    Row(
                        run.label(name),
                        [cell(arm.metrics.get(f"sugarcrepe_pp_{kind}_{subset}")) for subset in _SUBSETS],
                        colour(run, name),
                    )
                    for name, arm in run.scores.items()
                ],
            )
        )
    against = [
        (other, title)
        for other, title in ((run.best, "the best single"), (run.scores.get("ensemble"), "the ensemble"))
        if other is not None
    ]
    for other, title in against:
        rows = [
            Row(run.label(name), [_gap(arm, other, key) for key in _CREPE], colour(run, name))
            for name, arm in run.scores.items()
            if name != other.name and not name.startswith("single_")
        ]
        if rows:
            groups.append(Group(f"Points over {title}, on the same items and seeds", _CREPE_TITLES, rows))
    return Table(
        "Tests of composition, % right",
        groups,
        "Chance is 50 for SugarCrepe, 33.3 for both of SugarCrepe++: ITT asks whether the picture is closer to two "
        "true captions than to a false one, TOT whether the two true captions are closer to each other.",
    )


def generator_table(run: PolygenRun) -> Table | None:
    """Marks and truth of every generator."""
    found = run.result("generators")
    if not found:
        return None
    attributes = ("class", "colour", "size", "count", "relation", "exact")
    known = [name for name in attributes if any(name in own["truth"] for own in found["generators"].values())]
    rows = []
    for name, own in found["generators"].items():
        cells = [Cell(significant(own[key])) for key in ("slope", "gap", "vendi")]
        cells += [cell(interval_of(own["truth"].get(attribute))) for attribute in known]
        rows.append(Row(run.generators.get(name, name.capitalize()), cells))
    columns = ("Slope", "Gap", "Vendi score", *(name.capitalize() for name in known))
    variance = interval_of(found.get("variance"))
    note = (
        f"On {count(found['captions'])} captions that no arm draws. Slope: of log power over log frequency. Gap: mean "
        "distance from the true pictures' spectrum in decades. "
        f"Vendi score: effective number of different pictures, in the features of {run.label(found['encoder'])}; all "
        f"generators mixed, as many pictures: {decimal(found['vendi_mixed'], 2)}. "
    )
    if variance is not None:
        note += (
            f"Pictures of one caption by different generators lie {significant(variance.value)} apart (mean cosine). "
        )
    if known:
        note += "The other columns: % of pictures that show what their caption says, as an oracle sees them."
    return Table("The generators", [Group("", columns, rows)], note)


def budget_table(run: PolygenRun) -> Table | None:
    """What every arm's pictures are."""
    found = run.result("budgets")
    if not found:
        return None
    names = list(run.generators)
    rows = []
    for arm in run.arms:
        own: Mapping[str, Any] | None = found.get(arm.name)
        if own is None:
            continue
        drawn = [Cell(count(own["drawn"].get(name, 0))) for name in names]
        rows.append(
            Row(
                run.label(arm.name),
                [
                    Cell(count(own["captions"])),
                    Cell(count(own["negatives"]) if own["negatives"] else DASH),
                    *drawn,
                    Cell(count(sum(own["drawn"].values()))),
                    Cell(_loss(arm.views, arm.negatives)),
                ],
                colour(run, arm.name),
            )
        )
    columns = ("Captions", "Negatives", *(f"by {run.generators[name]}" for name in names), "Pictures", "Loss")
    return Table("How the budget was spent: planned before anything was drawn, and drawn to the picture", [
        Group("", columns, rows)
    ])  # fmt: skip


def _loss(views: int, negatives: str) -> str:
    name = {"none": "CLIP", "texts": "NegCLIP", "images": "TripletCLIP"}[negatives]
    return name if views == 1 else f"multi-positive {name}"


def _delta_cell(arm: ArmScores, baseline: ArmScores | None) -> Cell:
    if baseline is None:
        return Cell(DASH)
    if arm.name == baseline.name:
        return Cell("0")
    return _marked(delta(arm, baseline))


def _gap(arm: ArmScores, other: ArmScores, key: str) -> Cell:
    return _marked(difference(arm, other, key)) if key in arm.units else Cell(DASH)


def _marked(found: Interval) -> Cell:
    """A difference with its interval, and whether that leaves out 0."""
    shown = cell(found, sign=True)
    low, high = finite(found.low), finite(found.high)
    if low is None or high is None:
        return shown
    clear = low > 0 or high < 0
    return Cell(shown.text, shown.detail, "" if clear else "not significant", "clear" if clear else "unclear")
