"""The report of a SynthVLM run: the arms with intervals, what their pairs are like, and why selection helps or not.

A piece that the run does not have (an arm, a store, a score) leaves a sentence in its place.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

import pairsmith
from pairsmith.pairs import PairStore
from pairsmith.recipes.synthvlm.pairs import ON_REAL, Stores, choose
from pairsmith.report import examples, figures, reproduce, synthvlm_story, synthvlm_tables, tables
from pairsmith.report.numbers import count, decimal, spread
from pairsmith.report.page import PALETTE, REPORT_NAME, render, save
from pairsmith.report.pictures import Format, thumbnail
from pairsmith.report.score_charts import Values, value_histogram
from pairsmith.report.selection import Example
from pairsmith.report.synthvlm_run import LABELS, STAGE_LABELS, SynthvlmRun

SHOWN = 6  # pictures in each row of examples


def write_synthvlm_report(out: Path) -> Path:
    """Write `report.html` into the folder of a SynthVLM run, finished or not, and return its path.

    Raises:
        InputError: no run was begun there, or one of its files cannot be read.
    """
    return save(out / REPORT_NAME, render("synthvlm.html.j2", **_context(SynthvlmRun(out))))


def _context(run: SynthvlmRun) -> dict[str, Any]:
    format: Format = "jpeg" if run.own_pairs else "png"
    preset = reproduce.preset_text(run)
    test, pairs, curation = run.store("data/test"), run.pairs, run.curation
    last = run.stages[-1] if run.stages else ""
    missing = [LABELS[arm] for arm in run.settings.arms if arm not in {one["arm"] for one in run.entries}]
    captions = run.store("captions")
    return {
        "palette": PALETTE,
        "version": pairsmith.__version__,
        "own_pairs": run.own_pairs,
        "finished": bool(run.metrics),
        "preset": preset,
        "headline": synthvlm_story.headline(run),
        "reason": synthvlm_story.why(run),
        "cards": synthvlm_story.cards(run),
        "absent_arms": missing,
        "paragraphs": synthvlm_story.what_was_run(run),
        "facts": synthvlm_story.facts(run, preset),
        "times": tables.time_table(times) if (times := run.training_times()) else None,
        "bars": [(STAGE_LABELS[stage], _cider_bars(run, stage)) for stage in run.stages],
        "arm_table": synthvlm_tables.arm_table(run) if run.entries else None,
        "difference_table": synthvlm_tables.difference_table(run),
        "set_table": synthvlm_tables.set_table(pairs) if pairs else None,
        "shown_table": synthvlm_tables.shown_table(pairs) if pairs else None,
        "kind_table": synthvlm_tables.kind_table(pairs) if pairs else None,
        "charts": _histograms(run),
        "curation_table": synthvlm_tables.curation_table(curation) if curation else None,
        "outcome_table": synthvlm_tables.outcome_table(curation) if curation else None,
        "written": examples.written(captions) if captions else {},
        "gallery_rows": _gallery(run, format),
        "truth_table": _truth(run, last),
        "examples": examples.examples(test, run.arms[last], format, guide="selected") if test and last else [],
        "command": reproduce.command(run),
        "settings": reproduce.settings_text(run),
        "environment": json.dumps(run.environment, indent=2, ensure_ascii=False) if run.environment else "",
        "all_metrics": tables.metrics_table(run.metrics) if run.metrics else None,
        "limits": synthvlm_story.limits(run),
    }


def _cider_bars(run: SynthvlmRun, stage: str) -> Markup | None:
    rows = [
        figures.Bar(arm.label, name, arm.cider, _with_ends(arm.cider))
        for name, arm in run.arms[stage].items()
        if arm.cider is not None
    ]
    words = STAGE_LABELS[stage]
    return figures.bars(rows, f"CIDEr on the test images, {words}", f"CIDEr of every arm {words}") if rows else None


def _with_ends(value: Any) -> str:
    ends = spread(value)
    return f"{decimal(value.value)} ({ends})" if ends else decimal(value.value)


def _histograms(run: SynthvlmRun) -> list[tuple[str, Markup]]:
    """Scores of all drawn pairs beside those of the selected ones."""
    found = run.explanation
    if found is None:
        return []
    return [
        (label, value_histogram(
            [Values("all pairs", "all", values), Values("selected", "selected", values[found.chosen])],
            label, f"Spread of {label}, all drawn pairs and the selected ones",
        ))
        for label, values in {**found.scores, "weighted sum": found.ranking}.items()
    ]  # fmt: skip


def _gallery(run: SynthvlmRun, format: Format) -> list[tuple[str, list[Example]]]:
    """Best and worst pictures, and pairs of every arm."""
    found, drawn = run.explanation, run.drawn
    source, curated = run.store("data/source"), run.store("captions")
    if found is None or drawn is None or source is None or curated is None:
        return []
    chosen = set(found.chosen.tolist())
    dropped = np.array([at for at in found.candidates if at not in chosen], np.int64)
    scores = {**found.scores, "sum": found.ranking}

    def tiles(store: PairStore, positions: Sequence[int] | np.ndarray, own: bool = True) -> list[Example]:
        rows = store.take(positions, ["caption", "image"])
        return [
            Example(
                thumbnail(image["bytes"] if image else None, f"Picture of: {caption}", format),
                examples.shorten(caption or "", 160),
                [(name, decimal(values[at], 3)) for name, values in scores.items()] if own else [],
            )
            for at, caption, image in zip(
                positions, rows.column("caption").to_pylist(), rows.column("image").to_pylist(), strict=True
            )
        ]

    made = [
        ("Best of the selected", tiles(drawn, found.chosen[:SHOWN])),
        ("Last of the selected", tiles(drawn, found.chosen[-SHOWN:])),
        ("Worst of those that were not selected", tiles(drawn, dropped[-SHOWN:][::-1])),
    ]
    stores = Stores(source, curated, drawn)
    for arm in run.settings.arms:
        of_arm = choose(run.settings, arm, stores)
        spread_out = of_arm.positions[np.linspace(0, len(of_arm.positions) - 1, SHOWN).astype(int)]
        made.append((f"{LABELS[arm]}: {count(len(of_arm.positions))} pairs, evenly through them",
                     tiles(of_arm.store, spread_out, arm not in ON_REAL)))  # fmt: skip
    return [(title, row) for title, row in made if row]


def _truth(run: SynthvlmRun, stage: str) -> tables.Table | None:
    arms = run.arms.get(stage, {})
    series = {arm.label: arm.truth for arm in arms.values() if arm.truth}
    if not series:
        return None
    return tables.attribute_table(
        f"Captions of test images that are right about each attribute, % {STAGE_LABELS[stage]}",
        series,
        "Held-out: scenes with a combination of class and colour that no training pair shows.",
    )
