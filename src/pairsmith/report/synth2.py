"""The report of a Synth² run: its figures beside the paper's tables and figures, on one page.

A piece that the run does not have (an arm, a curve, a store) leaves a sentence in its place.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from markupsafe import Markup

import pairsmith
from pairsmith.evaluation.bootstrap import Interval
from pairsmith.report import examples, figures, overview, paper_tables, pictures, published, reproduce, story, tables
from pairsmith.report.arms import LABELS, relative_gain
from pairsmith.report.numbers import count, decimal, finite, interval_of, signed_percent, spread
from pairsmith.report.page import PALETTE, REPORT_NAME, render, save
from pairsmith.report.paper_tables import Sizes
from pairsmith.report.run_folder import WORLD_ARMS, RunFolder

# Of a step's stages: colour, and whether the embedding path has it too; what only pixels need comes last, where a bar
# shows it as the longer end.
_STAGES = {
    "embed captions": ("text", True),
    "draw tokens": ("draw", True),
    "VLM forward and backward": ("model", True),
    "decode to pixels": ("decode", False),
    "encode pixels": ("encode", False),
}


def write_synth2_report(out: Path) -> Path:
    """Write `report.html` into the folder of a Synth² run, finished or not, and return its path.

    Raises:
        InputError: no run was begun there, or one of its files cannot be read.
    """
    return save(out / REPORT_NAME, render("synth2.html.j2", **_context(RunFolder(out))))


def _context(run: RunFolder) -> dict[str, Any]:
    sizes = _sizes(run)
    format: pictures.Format = "jpeg" if run.own_pairs else "png"
    test = run.test
    absent = [LABELS[name] for name in run.wanted_arms if name not in run.arms]
    return {
        "palette": {name: colours for name, colours in PALETTE.items() if not (run.own_pairs and name in WORLD_ARMS)},
        "version": pairsmith.__version__,
        "own_pairs": run.own_pairs,
        "finished": bool(run.metrics),
        "preset": reproduce.preset_text(run),
        "headline": story.headline(run.arms),
        "gold_share": story.gold_share(run.arms),
        "cards": overview.cards(run),
        "cider_bars": overview.cider_bars(run),
        "absent_arms": absent,
        "seeds_note": tables.seeds_note(run.arms),
        "paragraphs": story.what_was_run(run, sizes),
        "facts": overview.facts(run, sizes),
        "times": tables.time_table(times) if (times := run.training_times()) else None,
        "comparisons": _comparisons(run, sizes),
        "relative_bars": _relative_bars(run),
        "curves": _curves(run),
        "curve_table": tables.curve_table(run.arms),
        "parity": story.parity(run.arms),
        "paper": published,
        **_speed(run),
        **_diversity(run),
        "quality": story.quality(run),
        "columns": pictures.compare(test, run.result("generator"), run.tokenizer, format) if test else [],
        **({} if run.own_pairs else _truth(run)),
        "examples": examples.examples(test, run.arms, format) if test else [],
        "written": examples.written(run.captions) if run.captions else {},
        "command": reproduce.command(run),
        "settings": reproduce.settings_text(run),
        "environment": json.dumps(run.environment, indent=2, ensure_ascii=False) if run.environment else "",
        "all_metrics": tables.metrics_table(run.metrics) if run.metrics else None,
        "limits": story.limits(run),
    }


def _sizes(run: RunFolder) -> Sizes:
    def rows(name: str) -> int | None:
        store = run.store(name)
        return None if store is None else len(store)

    return Sizes(rows("data/real"), rows("synthetic"), None if run.own_pairs else rows("gold"))


def _comparisons(run: RunFolder, sizes: Sizes) -> list[tables.Table]:
    found = (run.result("diversity") or {}).get("sets", {}).get("synthetic")
    third = paper_tables.table_3(run.arms, sizes, found)
    return [third] if run.own_pairs else [paper_tables.table_2(run.arms, sizes), third]


def _relative_bars(run: RunFolder) -> Markup | None:
    """Gain over the own Baseline: the one comparison with the paper that needs no common scale."""
    baseline = run.arms.get("baseline")
    if baseline is None:
        return None
    rows = []
    for name in ("synthetic", *WORLD_ARMS):
        arm = run.arms.get(name)
        gain = relative_gain(arm, baseline) if arm else None
        if arm and gain:
            ends = spread(gain, 0, sign=True)
            text = signed_percent(gain.value) + (f" ({ends})" if ends else "")
            rows.append(figures.Bar(f"{arm.label}, this run", name, gain, text))
    if not rows:
        return None
    published_arms = [published.GENPAIR] if run.own_pairs else [published.GENPAIR, *published.TABLE_2[1:]]
    for theirs in published_arms:
        name = f"{theirs.method} {theirs.synthetic or theirs.real.partition('+')[2]}, paper"
        percents = Interval(100 * (theirs.coco / published.BASELINE.coco - 1), None, None, 0)
        rows.append(figures.Bar(name, "paper", percents, signed_percent(percents.value), published=True))
    return figures.bars(
        rows, "CIDEr against the own Baseline, %", "Gain in CIDEr over Baseline, this run and the paper"
    )


def _curves(run: RunFolder) -> Markup | None:
    lines = [
        figures.Curve(arm.label, arm.name, [(point.step, point.mean, point.std) for point in arm.curve])
        for arm in run.arms.values()
        if arm.curve
    ]
    what = "CIDEr on the test images against training steps"
    return figures.curves(lines, "Training steps", "CIDEr", what) if lines else None


def _speed(run: RunFolder) -> dict[str, Any]:
    found = run.result("speed")
    if not found:
        return {"speed": None, "speed_table": paper_tables.table_5(run.arms, None)}
    stages = {name: time for name, value in (found.get("stages_ms") or {}).items() if (time := finite(value))}
    known = [(name, *_STAGES[name]) for name in _STAGES if name in stages]

    def stack(label: str, pixels: bool) -> figures.Stack:
        parts = [(name, colour, stages[name]) for name, colour, both in known if pixels or both]
        return figures.Stack(label, parts, f"{decimal(sum(time for *_, time in parts), 0)} ms")

    chart = None
    if known:
        rows = [stack("From embeddings", False), stack("From pixels", True)]
        chart = figures.stacks(rows, "Milliseconds a step", "Time of the stages of a training step")
    return {
        "speed": story.speed(found),
        "speed_table": paper_tables.table_5(run.arms, found),
        "stage_chart": chart,
        "stage_legend": [(name[:1].upper() + name[1:], colour) for name, colour, _ in known],
        "stage_table": tables.stage_table(stages, found.get("bytes_per_image") or {}),
    }


def _diversity(run: RunFolder) -> dict[str, Any]:
    sets = (run.result("diversity") or {}).get("sets") or {}
    shares = {name: [finite(share) or 0.0 for share in sets[name].get("shares") or []] for name in sets}
    clusters = max(map(len, shares.values()), default=0)
    if not clusters:
        return {"diversity": None}
    order = sorted(range(clusters), key=lambda place: -shares.get("real", next(iter(shares.values())))[place])
    titles = {"synthetic": "Synthetic captions", "real": "Real captions"}
    columns = [
        figures.Columns(title, name, [shares[name][place] for place in order])
        for name, title in titles.items()
        if name in shares and len(shares[name]) == clusters
    ]
    return {
        "diversity": story.diversity(sets, clusters),
        "share_table": tables.share_table([(item.label, item.heights) for item in columns]),
        "diversity_table": paper_tables.diversity_table(sets, clusters),
        "diversity_legend": [(item.label, item.colour) for item in columns],
        "diversity_chart": figures.histogram(
            columns,
            1 / clusters,
            "even",
            "Cluster, from the fullest of the real captions to the emptiest",
            f"Part of the synthetic and of the real captions in each of {clusters} clusters",
        ),
        "captions_clustered": count(min(int(finite(values.get("captions")) or 0) for values in sets.values())),
    }


def _truth(run: RunFolder) -> dict[str, Any]:
    arms = {name: arm for name, arm in run.arms.items() if arm.truth}
    charts = []
    for axis in ("seen", "held-out"):
        names = list(dict.fromkeys(name for arm in arms.values() for name in arm.truth.get(axis, {})))
        if names:
            series = [
                figures.Dots(arm.label, arm.name, [arm.truth.get(axis, {}).get(name) for name in names])
                for arm in arms.values()
            ]
            what = f"Captions right about each attribute, {axis} combinations"
            charts.append((axis, figures.dots([name.capitalize() for name in names], series, "% right", what)))
    found = (run.result("generator") or {}).get("faithfulness") or {}
    labels = {"generator": "Generator", "ceiling": "True pictures through the tokenizer"}
    faithful = {
        labels[who]: {axis: _intervals(values) for axis, values in found[who].items()} for who in labels if who in found
    }
    return {
        "truth": story.truth(run.arms),
        "truth_charts": charts,
        "truth_legend": [(arm.label, arm.name) for arm in arms.values()],
        "truth_table": tables.attribute_table(
            "Captions that are right, %", {arm.label: arm.truth for arm in arms.values()},
            "Binding: the right colour on the right object. Exact: everything at once, sizes too. Held-out: the "
            "combination of class and colour occurs in no real pair.",
        ) if arms else None,
        "faithfulness_table": tables.attribute_table(
            "Pictures that show what their caption says, %, as an oracle sees them", faithful,
            "The oracle is a small network trained on drawn scenes; true pictures through the tokenizer are its "
            "ceiling. Class, colour and size are shares of the objects that are right and in the right place.",
        ) if faithful else None,
    }  # fmt: skip


def _intervals(values: dict[str, Any]) -> dict[str, Interval]:
    return {name: interval for name, value in values.items() if (interval := interval_of(value)) is not None}
