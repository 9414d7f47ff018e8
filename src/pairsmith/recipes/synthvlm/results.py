"""From what the stages measured to the flat `metrics.json` that other programs read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pairsmith.evaluation import Metric
from pairsmith.evaluation.bootstrap import Interval
from pairsmith.evaluation.several_seeds import CIDER, PERCENT, difference_of_means, over_seeds, seeds_and_images
from pairsmith.recipes.run_files import read_arms
from pairsmith.recipes.synthvlm.settings import SynthvlmSettings

CAPTION_KEYS = {"cider_d": "cider", "bleu_4": "bleu_4", "rouge_l": "rouge_l"}
# Figures that are compared image by image: name in the files -> (name of the metric, possible values).
PER_IMAGE = {"cider_d": ("cider", CIDER), "vqa": ("vqa", PERCENT), "exact": ("exact", PERCENT)}
COMPARED = (("selected", "random"), ("selected", "all"), ("selected", "real"))
STAGES = ("stage_1", "stage_2")


def collect_metrics(settings: SynthvlmSettings, out: Path) -> dict[str, Metric]:
    """All figures of a run under the names of the contract.

    `synthvlm.ARM.cider` is that of the last stage; `synthvlm.ARM.stage_1.cider` is measured before instructions, where
    the pairs are all that the projector has learnt from.
    """
    entries = read_arms(out, settings.seeds)
    metrics: dict[str, Metric] = {}
    for arm in dict.fromkeys(entry["arm"] for entry in entries):
        of_arm = [entry for entry in entries if entry["arm"] == arm]
        stages = stages_of(of_arm)
        for stage in stages:
            found = dict(_of_stage([entry[stage] for entry in of_arm]))
            metrics |= {f"synthvlm.{arm}.{stage}.{name}": value for name, value in found.items()}
            if stage == stages[-1]:
                metrics |= {f"synthvlm.{arm}.{name}": value for name, value in found.items()}
    for (first, second), stage, name, value in differences(entries):
        metrics[f"synthvlm.{first}_minus_{second}.{stage}.{name}"] = Metric.of(value)
    return metrics | _pairs(out / "evaluation")


def stages_of(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """The stages that all of the entries went through, in order."""
    return [stage for stage in STAGES if all(entry.get(stage) for entry in entries)]


def matrix(entries: Sequence[Mapping[str, Any]], stage: str, figure: str) -> NDArray[np.float64] | None:
    """A figure of every seed and test image, [seeds, images]; None where one of them lacks it."""
    rows = [entry.get(stage, {}).get("per_image", {}).get(figure) for entry in entries]
    if not rows or any(not row for row in rows) or len({len(row) for row in rows}) != 1:
        return None
    return np.array(rows, np.float64)


def differences(
    entries: Sequence[Mapping[str, Any]],
) -> Iterator[tuple[tuple[str, str], str, str, Interval]]:
    """((arm, other arm), stage, metric, difference over the same images and seeds) of the arms in `COMPARED`."""
    found = {(entry["arm"], entry["seed"]): entry for entry in entries}
    for first, second in COMPARED:
        seeds = sorted({seed for arm, seed in found if arm == first and (second, seed) in found})
        ours, theirs = ([found[arm, seed] for seed in seeds] for arm in (first, second))
        for stage in STAGES:
            for figure, (name, _) in PER_IMAGE.items():
                one, other = matrix(ours, stage, figure), matrix(theirs, stage, figure)
                if one is not None and other is not None and one.shape == other.shape:
                    yield (first, second), stage, name, difference_of_means(one, other)


def _of_stage(found: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Metric]]:
    for source, name in CAPTION_KEYS.items():
        yield name, Metric.of(_join([one["metrics"][source] for one in found]))
    for figure, (name, within) in PER_IMAGE.items():
        values = matrix([{"it": one} for one in found], "it", figure)
        if values is not None:
            yield name, Metric.of(seeds_and_images(values, within))
    for kind in found[0]["vqa"]:
        if kind != "all" and all(kind in one["vqa"] for one in found):
            yield f"vqa.{_key(kind)}", Metric.of(_join([one["vqa"][kind] for one in found]))
    for axis, values in found[0]["truth"].items():
        for attribute in values:
            joined = _join([one["truth"][axis][attribute] for one in found])
            yield f"truth.{_key(axis)}.{attribute}", Metric.of(joined)


def _pairs(folder: Path) -> dict[str, Metric]:
    metrics: dict[str, Metric] = {}
    pairs = json.loads((folder / "pairs.json").read_text())
    for arm, count in pairs["counts"].items():
        metrics[f"synthvlm.pairs.{arm}.count"] = Metric(count, count)
    for arm, measures in pairs["scores"].items():
        for measure, found in measures.items():
            metrics[f"synthvlm.pairs.{arm}.{measure}"] = _metric(found["value"])
    for arm, attributes in pairs.get("shown", {}).items():
        for attribute, value in attributes.items():
            metrics[f"synthvlm.pairs.{arm}.shown.{attribute}"] = _metric(value)
    for arm, kinds in pairs.get("kinds", {}).items():
        for kind, value in kinds.items():
            metrics[f"synthvlm.pairs.{arm}.kind.{kind}"] = _metric(value)
    for name, area in pairs.get("telling_apart", {}).items():
        metrics[f"synthvlm.scores.{name}.auc"] = Metric(area, pairs["counts"]["all"])
    curation = json.loads((folder / "curation.json").read_text())
    for step, name in zip(curation["steps"], ("found", "filtered", "curated"), strict=True):
        metrics[f"synthvlm.curation.{name}.count"] = Metric(step["pairs"], step["pairs"])
        if step["true"] is not None:
            metrics[f"synthvlm.curation.{name}.true"] = _metric(step["true"])
    return metrics


def _join(values: Sequence[Mapping[str, Any]]) -> Interval:
    return over_seeds([Interval(**value) for value in values], CIDER)


def _metric(value: Mapping[str, Any]) -> Metric:
    return Metric.of(Interval(**value))


def _key(name: str) -> str:
    return "".join(char if char.isalnum() and char.isascii() else "_" for char in name.lower()).strip("_") or "other"
