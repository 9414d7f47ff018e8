"""The report of a PolyGen run: radar, delta MTL, composition, what generators leave behind, examples, on one page.

A piece that the run does not have (an arm, the examination) leaves a sentence in its place.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from markupsafe import Markup

import pairsmith
from pairsmith.evaluation.bootstrap import Interval
from pairsmith.evaluation.scene_suite import MTL_TASKS
from pairsmith.recipes.polygen.comparison import DELTA
from pairsmith.report import figures, polygen_story, polygen_tables, reproduce, tables
from pairsmith.report.numbers import PERCENT, count, decimal, signed, spread
from pairsmith.report.overview import Card
from pairsmith.report.page import PALETTE, REPORT_NAME, render, save
from pairsmith.report.pictures import thumbnail
from pairsmith.report.polygen_run import PolygenRun
from pairsmith.report.polygen_tables import colour
from pairsmith.report.radar import Outline, Spoke, radar

# Colours of arms and generators in order, on a light and on a dark page; chosen to differ for colour-blind eyes too.
_COLOURS = (
    ("#6f7681", "#9aa0aa"),
    ("#3f7fb5", "#7fb6e3"),
    ("#b07a0c", "#e0b450"),
    ("#8c6d4f", "#c9ab8c"),
    ("#7446b0", "#b795f0"),
    ("#1f7a4d", "#6cc79a"),
    ("#c04a7c", "#ec92b8"),
    ("#20808d", "#6fc6d2"),
    ("#a33b2a", "#ee8f7e"),
    ("#4b5a8c", "#9aa9dd"),
)
_EXTRA = {"SugarCrepe": "sugarcrepe_macro", "SugarCrepe++ ITT": "sugarcrepe_pp_itt"}


def write_polygen_report(out: Path) -> Path:
    """Write `report.html` into the folder of a PolyGen run, finished or not, and return its path.

    Raises:
        InputError: no run was begun there, or one of its files cannot be read.
    """
    return save(out / REPORT_NAME, render("polygen.html.j2", **_context(PolygenRun(out))))


def _context(run: PolygenRun) -> dict[str, Any]:
    palette = {f"a{number}": _COLOURS[number % len(_COLOURS)] for number in range(len(run.arms))}
    palette |= {f"g{number}": _COLOURS[(number + 4) % len(_COLOURS)] for number in range(len(run.generators))}
    missing = [run.label(arm.name) for arm in run.arms if arm.name not in run.scores]
    legend = [(run.label(name), colour(run, name)) for name in run.scores]
    return {
        "palette": palette | {name: PALETTE[name] for name in ("real", "paper")},
        "version": pairsmith.__version__,
        "finished": bool(run.metrics),
        "preset": reproduce.preset_text(run),
        "headline": polygen_story.headline(run),
        "composition": polygen_story.composition(run),
        "beside": polygen_story.beside_the_paper(),
        "cards": _cards(run),
        "absent_arms": missing,
        "fewer_seeds": polygen_story.fewer_seeds(run),
        "seeds_note": polygen_story.seeds_note(run),
        "facts": _facts(run),
        "budget": polygen_tables.budget_table(run),
        "radar": _radar(run),
        "legend": legend,
        "delta_bars": _delta_bars(run),
        "deltas": polygen_tables.delta_table(run),
        "compositional": polygen_tables.composition_table(run),
        "spectra": _spectra(run),
        "truth": polygen_story.truth(run),
        "generators": polygen_tables.generator_table(run),
        "probe": polygen_story.probe(run),
        "probe_bars": _probe_bars(run),
        "absent_probes": [run.label(arm.name) for arm in run.arms if run.probes and arm.name not in run.probes],
        "examples": _examples(run),
        "command": reproduce.command(run),
        "settings": reproduce.settings_text(run),
        "environment": json.dumps(run.environment, indent=2, ensure_ascii=False) if run.environment else "",
        "all_metrics": tables.metrics_table(run.metrics) if run.metrics else None,
        "limits": polygen_story.limits(run),
        "citation": polygen_story.CITATION,
    }


def _cards(run: PolygenRun) -> list[Card]:
    best, baseline, ensemble = run.best(), run.baseline, run.scores.get("ensemble")
    found = []
    if best is not None and baseline is not None:
        title, what = f"Best single: {run.label(best.name)}", "Δ MTL over the baseline"
        over = run.gap(best, baseline, DELTA)
        tint = colour(run, best.name)
        found.append(
            Card(title, f"0.0{PERCENT}", what, "is the baseline itself", tint)
            if over is None
            else _gain_card(title, f"{signed(over.value)}{PERCENT}", what, over, tint)
        )
    beyond = run.over_best(ensemble, DELTA)
    for over, what in (
        (run.gap(ensemble, baseline, DELTA), "Δ MTL over the baseline"),
        (beyond.value if beyond else None, f"Δ MTL over {run.label(beyond.over)}" if beyond else ""),
    ):
        if over is not None:
            value = f"{signed(over.value)}{PERCENT}"
            found.append(_gain_card("Ensemble", value, what, over, colour(run, "ensemble")))
        if best is baseline:  # both are one comparison
            break
    gap = run.over_best(run.scores.get("negatives"), polygen_story.ITT)
    if gap is not None:
        what = f"points of SugarCrepe++ ITT over {run.label(gap.over)}"
        found.append(_gain_card("Negatives, ramp", signed(gap.value.value), what, gap.value, colour(run, "negatives")))
    return found


def _gain_card(name: str, value: str, what: str, found: Interval, tint: str) -> Card:
    clear = tables.is_clear(found)
    if clear is None:
        return Card(name, value, what, "no interval", tint)
    words = "interval leaves out 0" if clear else tables.NOT_SIGNIFICANT
    return Card(name, value, what, spread(found, sign=True), tint, words, not clear)


def _facts(run: PolygenRun) -> list[tuple[str, str]]:
    settings = run.settings
    training = settings.clip.training
    length = f"{count(settings.clip.epochs)} epochs" if settings.clip.epochs else f"{count(training.steps)} steps"
    return [
        ("Preset", reproduce.preset_text(run)),
        ("Pictures of each arm", count(settings.budget)),
        ("Generators", ", ".join(run.generators.values())),
        ("Pictures of a caption in ensembles", count(settings.view_count)),
        ("of these in one batch", count(min(settings.view_count, settings.batch_views or settings.view_count))),
        ("Captions by", {"scenes": "the built-in world's grammar"}.get(settings.writer.kind, settings.writer.model)),
        ("Hard negatives by", "rules" if settings.negatives.by == "rules" else settings.negatives.model),
        ("Each encoder", f"{length}, {count(training.batch_size)} pictures a step"),
        ("Seeds an arm", count(settings.seeds)),
        ("Hardware", run.hardware),
        ("Software", run.software(("torch", "open_clip_torch", "diffusers"))),
    ]


def _radar(run: PolygenRun) -> Markup | None:
    keys = {polygen_tables.TASKS[task]: key for task, key in MTL_TASKS.items()} | _EXTRA
    values = {name: [arm.metrics.get(key) for key in keys.values()] for name, arm in run.scores.items()}
    complete = {name: [one.value for one in own if one] for name, own in values.items() if all(own)}
    if not complete:
        return None
    columns = zip(*complete.values(), strict=True)
    spokes = [Spoke(title, *_ends(min(column), max(column))) for title, column in zip(keys, columns, strict=True)]
    outlines = [Outline(run.label(name), colour(run, name), own) for name, own in complete.items()]
    return radar(spokes, outlines, "Five tasks and two tests of composition, in percent")


def _ends(low: float, high: float) -> tuple[float, float]:
    """Round ends of a spoke that leave room around the values: tens, at least twenty apart."""
    start = max(0.0, 10 * ((low - 5) // 10))
    end = min(100.0, 10 * (-(-(high + 2) // 10)))
    return (start, end) if end - start >= 20 else (max(0.0, end - 20), end)


def _delta_bars(run: PolygenRun) -> Markup | None:
    baseline = run.baseline
    if baseline is None:
        return None
    rows = []
    for name, arm in run.scores.items():
        found = Interval(0.0, None, None, 0) if name == baseline.name else run.gap(arm, baseline, DELTA)
        if found is None:
            continue
        ends = spread(found, sign=True)
        text = "baseline" if name == baseline.name else signed(found.value) + (f" ({ends})" if ends else "")
        rows.append(figures.Bar(run.label(name), colour(run, name), found, text))
    return figures.bars(rows, "Δ MTL over the baseline, %", "Delta MTL of every arm over the baseline")


def _spectra(run: PolygenRun) -> Markup | None:
    found = run.result("generators")
    if not found:
        return None
    places = {name: f"g{number}" for number, name in enumerate(run.generators)}
    lines = [
        figures.Curve(
            run.generators.get(name, name.capitalize()),
            places.get(name, "real"),
            [(x, y, None) for x, y in zip(found["frequencies"], own["spectrum"], strict=True)],
        )
        for name, own in found["generators"].items()
    ]
    what = "Azimuthal power spectra of the generators' pictures"
    return figures.curves(lines, "Cycles per pixel", "log10 power, share of the largest", what)


def _probe_bars(run: PolygenRun) -> Markup | None:
    rows = []
    for name, found in run.probes.items():
        ends = spread(found)
        text = decimal(found.value) + (f" ({ends})" if ends else "")
        rows.append(figures.Bar(run.label(name), colour(run, name), found, text))
    what = "How often a linear classifier names the generator from each encoder's features"
    return figures.bars(rows, "Generator named rightly, %", what) if rows else None


def _examples(run: PolygenRun) -> list[dict[str, Any]]:
    format: Any = "png" if run.settings.on_scenes else "jpeg"

    def shown(pictures: Any, caption: str) -> list[tuple[str, Any]]:
        names = run.generators
        return [
            (names.get(name, name), thumbnail(data, f"{names.get(name, name)}: {caption}", format))
            for name, data in pictures
        ]

    return [
        {
            "caption": group.caption,
            "pictures": shown(group.pictures, group.caption),
            "negative": group.negative,
            "kind": group.kind,
            "negative_pictures": shown(group.negative_pictures, group.negative),
        }
        for group in run.examples()
    ]
