"""The tables of a PolyGen report: delta MTL and its tasks, tests of composition, generators, the budget."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pairsmith.evaluation.bootstrap import Interval
from pairsmith.evaluation.scene_suite import MTL_TASKS
from pairsmith.recipes.polygen.comparison import DELTA
from pairsmith.report.numbers import DASH, count, decimal, interval_of, significant, spread
from pairsmith.report.polygen_run import BEST_RULE, Gap, PolygenRun
from pairsmith.report.tables import NOT_SIGNIFICANT, Cell, Group, Row, Table, cell, is_clear

TASKS = {
    "linear_probe": "Linear probe",
    "few_shot": "Few-shot",
    "image_retrieval": "Image R@5",
    "text_retrieval": "Text R@5",
    "zero_shot": "Zero-shot",
}
_CREPE = ("sugarcrepe_macro", "sugarcrepe_pp_itt", "sugarcrepe_pp_tot")
_CREPE_TITLES = ("SugarCrepe", "SugarCrepe++ ITT", "SugarCrepe++ TOT")
_SUBSETS = {
    "replace_att": "attribute replaced",
    "replace_obj": "object replaced",
    "replace_rel": "relation replaced",
    "swap_att": "attributes swapped",
    "swap_obj": "objects swapped",
}


def colour(run: PolygenRun, arm: str) -> str:
    """An arm's name among the page's colours."""
    return f"a{[one.name for one in run.arms].index(arm)}"


def delta_table(run: PolygenRun) -> Table | None:
    """Delta MTL over the baseline and over the best single arm, and the five tasks."""
    if not run.scores:
        return None
    baseline, best = run.baseline, run.best()
    rows = []
    for name, arm in run.scores.items():
        over = Cell("0") if baseline and name == baseline.name else _marked(run.gap(arm, baseline, DELTA))
        beyond = _marked(None if name in run.singles else _value(run.over_best(arm, DELTA)))
        tasks = [cell(arm.metrics.get(key)) for key in MTL_TASKS.values()]
        rows.append(Row(run.label(name), [over, beyond, *tasks], colour(run, name)))
    columns = ("Δ MTL, %", "over the best single, %", *TASKS.values())
    return Table(
        "Five tasks in percent, and the mean relative change over the baseline",
        [Group("", columns, rows)],
        f"Baseline: {run.label(baseline.name) if baseline else DASH}, in SynthCLIP's part. Best single generator, "
        f"chosen by Δ MTL on these very tests: {run.label(best.name) if best else DASH}. Δ MTL (SynthCLIP, appendix "
        "G): the mean over the five tasks of (arm − baseline) / baseline. Linear probe, few-shot and zero-shot: "
        "pictures put into the right class, by a classifier fitted on the encoder's features, from a few pictures of "
        "each class, and by the names of the classes. R@5: the right picture or text is among the five nearest.",
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
                tuple(_SUBSETS.values()),
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
    combined = [arm for name, arm in run.scores.items() if name not in run.singles]
    over_best = {arm.name: [run.over_best(arm, key) for key in _CREPE] for arm in combined}
    others = next((gaps for gaps in over_best.values() if all(gaps)), None)
    if others is not None:
        rivals = [run.label(gap.over) for gap in others if gap]
        titles = [f"{title}, over {rival}" for title, rival in zip(_CREPE_TITLES, rivals, strict=True)]
        rows = [
            Row(run.label(name), [_marked(_value(gap)) for gap in gaps], colour(run, name))
            for name, gaps in over_best.items()
        ]
        groups.append(Group("Points over the best single generator, on the same items and seeds", titles, rows))
    baseline, ensemble = run.baseline, run.scores.get("ensemble")
    for other, arms, words in (
        (baseline, list(run.scores.values()), "the baseline"),
        (ensemble, combined, "the ensemble"),
    ):
        if other is None:
            continue
        rows = [
            Row(run.label(arm.name), [_marked(run.gap(arm, other, key)) for key in _CREPE], colour(run, arm.name))
            for arm in arms
            if arm.name != other.name
        ]
        if rows:
            groups.append(Group(f"Points over {words}, on the same items and seeds", _CREPE_TITLES, rows))
    return Table(
        "Tests of composition, % right",
        groups,
        "SugarCrepe: is the picture closer to its true caption than to a false one that differs in a few words? "
        "Chance is 50. SugarCrepe++ has two true captions. ITT: is the picture closer to both than to the false one? "
        "TOT: are the two closer to each other than to the false one? Chance is 33.3 for both. "
        f"{BEST_RULE}",
    )


def generator_table(run: PolygenRun) -> Table | None:
    """Marks and truth of every generator."""
    found = run.result("generators")
    if not found:
        return None
    attributes = ("class", "colour", "size", "count", "relation", "exact")
    known = [name for name in attributes if any(name in own["truth"] for own in found["generators"].values())]
    marks = ["slope", "vendi"]
    if any(own["gap"] is not None for own in found["generators"].values()):
        marks.insert(1, "gap")
    rows = []
    for name, own in found["generators"].items():
        cells = [Cell(significant(own[key])) for key in marks]
        cells += [cell(interval_of(own["truth"].get(attribute))) for attribute in known]
        rows.append(Row(run.generators.get(name, name.capitalize()), cells))
    titles = {"slope": "Slope", "gap": "Gap", "vendi": "Vendi score"}
    columns = (*(titles[key] for key in marks), *(name.capitalize() for name in known))
    variance = interval_of(found.get("variance"))
    note = f"On {count(found['captions'])} captions that no arm draws. Slope: of log power over log frequency. "
    if "gap" in marks:
        note += "Gap: mean distance from the true pictures' spectrum, in decades. "
    note += (
        "Vendi score: effective number of different pictures, in the features of "
        f"{run.label(found['encoder'])}; all generators mixed, as many pictures: {significant(found['vendi_mixed'])}. "
        "These have no intervals. "
    )
    if variance is not None:
        ends = spread(variance, 3)
        note += (
            "Pictures of one caption by different generators lie a cosine distance of "
            f"{decimal(variance.value, 3)}{f' ({ends})' if ends else ''} apart in the mean. "
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
    failed = any(own.get("failed") for own in found.values())
    rows = []
    for arm in run.arms:
        own: Mapping[str, Any] | None = found.get(arm.name)
        if own is None:
            continue
        cells = [
            Cell(count(own["captions"])),
            Cell(count(own["negatives"]) if own["negatives"] else DASH),
            *(Cell(count(own["drawn"].get(name, 0))) for name in names),
            Cell(count(sum(own["drawn"].values()))),
        ]
        if failed:
            cells.append(Cell(count(own.get("failed", 0))))
        rows.append(Row(run.label(arm.name), [*cells, Cell(_loss(arm.views, arm.negatives))], colour(run, arm.name)))
    by_generator = (f"by {run.generators[name]}" for name in names)
    columns = ("Captions", "Negatives", *by_generator, "Pictures", *(["Not drawn"] if failed else []), "Loss")
    note = (
        "Pictures were shared out before anything was drawn. Loss: multi-positive counts all pictures of a caption as "
        "right ones; NegCLIP adds the texts of negatives, TripletCLIP their pictures, too."
    )
    if failed:
        note += " Those that could not be drawn are counted in the budget and teach nothing."
    return Table("How the budget was spent", [Group("", columns, rows)], note)


def _loss(views: int, negatives: str) -> str:
    name = {"none": "CLIP", "texts": "NegCLIP", "images": "TripletCLIP"}[negatives]
    return name if views == 1 else f"multi-positive {name}"


def _value(gap: Gap | None) -> Interval | None:
    return None if gap is None else gap.value


def _marked(found: Interval | None) -> Cell:
    """A difference with its interval, and whether that leaves out 0."""
    shown = cell(found, sign=True)
    clear = None if found is None else is_clear(found)
    if clear is None:
        return shown
    return Cell(shown.text, shown.detail, "" if clear else NOT_SIGNIFICANT, "clear" if clear else "unclear")
