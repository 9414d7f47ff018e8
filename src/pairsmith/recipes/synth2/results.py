"""From what the stages measured to the flat `metrics.json` that other programs read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pairsmith.evaluation import Metric
from pairsmith.evaluation.bootstrap import Interval
from pairsmith.evaluation.several_seeds import CIDER, over_seeds, relative_gain, seeds_and_images
from pairsmith.recipes.run_files import read_arms
from pairsmith.recipes.synth2.measure import FRECHET
from pairsmith.recipes.synth2.settings import Synth2Settings

CAPTION_KEYS = {"cider_d": "cider", "bleu_4": "bleu_4", "rouge_l": "rouge_l"}


def collect_metrics(settings: Synth2Settings, out: Path) -> dict[str, Metric]:
    """All figures of a run under the names of the contract; those of several seeds are their mean.

    The interval of one seed is over images, of several over images and seeds (`evaluation.several_seeds`). Seeds that
    an earlier call trained and this one does not ask for are left out.
    """
    entries = read_arms(out, settings.seeds)
    metrics: dict[str, Metric] = {}
    for arm in sorted({entry["arm"] for entry in entries}):
        of_arm = [entry for entry in entries if entry["arm"] == arm]
        for source, name in CAPTION_KEYS.items():
            metrics[f"synth2.{arm}.{name}"] = _over_seeds([entry["metrics"][source] for entry in of_arm])
        metrics[f"synth2.{arm}.cider"] = Metric.of(seeds_and_images(_scores(of_arm), CIDER))
        for axis, values in of_arm[0]["truth"].items():
            for attribute in values:
                found = [entry["truth"][axis][attribute] for entry in of_arm]
                metrics[f"synth2.{arm}.truth.{_key(axis)}.{attribute}"] = _over_seeds(found)
    gain = _gain(entries)
    if gain is not None:
        metrics["synth2.gain.relative"] = Metric.of(gain)
    return metrics | _examination(out / "evaluation")


def _gain(entries: Sequence[Mapping[str, Any]]) -> Interval | None:
    """CIDEr of Synth² over Baseline in per cent, of the seeds that both were trained with; None where that is none."""
    found = {(entry["arm"], entry["seed"]): entry for entry in entries}
    seeds = sorted({seed for arm, seed in found if arm == "synthetic" and ("baseline", seed) in found})
    if not seeds:
        return None
    ours, theirs = (_scores([found[arm, seed] for seed in seeds]) for arm in ("synthetic", "baseline"))
    return relative_gain(ours, theirs)


def _scores(entries: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """[seeds, images] CIDEr."""
    return np.array([entry["per_image"]["cider_d"] for entry in entries], np.float64)


def _examination(folder: Path) -> dict[str, Metric]:
    speed = json.loads((folder / "speed.json").read_text())
    diversity = json.loads((folder / "diversity.json").read_text())
    generator = json.loads((folder / "generator.json").read_text())
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    metrics = {"synth2.speed.embedding_over_pixel": _metric(speed["ratio"])}
    for path, rate in speed["steps_per_second"].items():
        metrics[f"synth2.speed.{_key(path)}_steps_per_second"] = Metric(rate, speed["ratio"]["n"])
    for name, found in diversity["sets"].items():
        prefix = "synth2.diversity" if name == "synthetic" else f"synth2.diversity.{_key(name)}"
        for key in ("entropy_bits", "concentration_3", "concentration_5"):
            metrics[f"{prefix}.{key}"] = Metric(found[key]["mean"], found["captions"])
    metrics[f"synth2.generator.{FRECHET}"] = Metric(generator[FRECHET], generator["pictures"])
    for key in ("psnr", FRECHET, "usage"):
        metrics[f"synth2.tokenizer.{key}"] = Metric(tokenizer[key], tokenizer["pictures"])
    for who, axes in generator.get("faithfulness", {}).items():
        for axis, values in axes.items():
            for attribute, value in values.items():
                metrics[f"synth2.faithfulness.{who}.{_key(axis)}.{attribute}"] = _metric(value)
    return metrics


def _over_seeds(values: Sequence[Mapping[str, Any]]) -> Metric:
    return Metric.of(over_seeds([Interval(**value) for value in values]))


def _metric(value: Mapping[str, Any]) -> Metric:
    return Metric.of(Interval(**value))


def _key(name: str) -> str:
    return name.replace("-", "_").replace(" ", "_")
