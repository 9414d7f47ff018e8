"""From what the stages measured to the flat `metrics.json` that other programs read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pairsmith.evaluation import Metric
from pairsmith.evaluation.bootstrap import Interval
from pairsmith.evaluation.several_seeds import over_seeds
from pairsmith.recipes.polygen.arms import baseline_arm, make_arms, single_arm
from pairsmith.recipes.polygen.comparison import ArmScores, best_single, delta, difference, join_arms
from pairsmith.recipes.polygen.encoders import COMPOSITIONAL
from pairsmith.recipes.polygen.settings import PolygenSettings
from pairsmith.recipes.run_files import read_arms

BEST = "best_single"


def read_arm_scores(settings: PolygenSettings, out: Path) -> dict[str, ArmScores]:
    """The arms that the settings ask for, with the seeds that they ask for."""
    return join_arms(read_arms(out, settings.seeds), [arm.name for arm in make_arms(settings)])


def collect_metrics(settings: PolygenSettings, out: Path) -> dict[str, Metric]:
    """All figures of a run under the names of the contract.

    `best_single` repeats the figures of the single arm with the largest delta MTL. Without single arms there is no
    baseline, and delta MTL is left out.
    """
    arms = read_arm_scores(settings, out)
    metrics: dict[str, Metric] = {}
    for name, arm in arms.items():
        metrics |= {f"polygen.{name}.{key}": Metric.of(value) for key, value in arm.metrics.items()}
    metrics |= _comparisons(settings, arms)
    return metrics | _budgets(settings, out) | _examination(settings, out)


def _comparisons(settings: PolygenSettings, arms: Mapping[str, ArmScores]) -> dict[str, Metric]:
    baseline = arms.get(baseline_arm(settings))
    singles = [single_arm(generator.name) for generator in settings.generators]
    if baseline is None:
        return {}
    best = best_single(arms, singles, baseline)
    assert best is not None  # the baseline is one
    found: dict[str, Metric] = {}
    for name, arm in arms.items():
        own = Metric(0.0, delta(arm, baseline).n) if name == baseline.name else Metric.of(delta(arm, baseline))
        found[f"polygen.{name}.delta_mtl"] = own
        if name not in singles:
            found[f"polygen.{name}.over_best_single.delta_mtl"] = Metric.of(delta(arm, arms[best]))
            for key in COMPOSITIONAL:
                found[f"polygen.{name}.over_best_single.{key}"] = Metric.of(difference(arm, arms[best], key))
        if name.startswith("neg") and "ensemble" in arms:
            for key in COMPOSITIONAL:
                found[f"polygen.{name}.over_ensemble.{key}"] = Metric.of(difference(arm, arms["ensemble"], key))
    if {"negatives", "negatives_constant"} <= set(arms):
        for key in COMPOSITIONAL:
            gap = difference(arms["negatives"], arms["negatives_constant"], key)
            found[f"polygen.curriculum.{key}"] = Metric.of(gap)
        found["polygen.curriculum.delta_mtl"] = Metric.of(delta(arms["negatives"], arms["negatives_constant"]))
    prefix = f"polygen.{best}."
    metrics = {f"polygen.{best}.{key}": Metric.of(value) for key, value in arms[best].metrics.items()} | found
    return found | {
        f"polygen.{BEST}.{key.removeprefix(prefix)}": value for key, value in metrics.items() if key.startswith(prefix)
    }


def _budgets(settings: PolygenSettings, out: Path) -> dict[str, Metric]:
    budgets = json.loads((out / "evaluation" / "budgets.json").read_text())
    names = [arm.name for arm in make_arms(settings)]
    return {
        f"polygen.{name}.images": Metric(float(sum(budgets[name]["drawn"].values())), len(budgets[name]["drawn"]))
        for name in names
        if name in budgets
    }


def _examination(settings: PolygenSettings, out: Path) -> dict[str, Metric]:
    folder = out / "evaluation"
    file = folder / "generators.json"
    if not file.is_file():
        return {}
    found: dict[str, Any] = json.loads(file.read_text())
    count = int(found["captions"])
    metrics: dict[str, Metric] = {"polygen.generators.vendi_mixed": Metric(found["vendi_mixed"], count)}
    if found["variance"]:
        metrics["polygen.generators.caption_variance"] = Metric.of(Interval(**found["variance"]))
    for name, own in found["generators"].items():
        prefix = f"polygen.generator.{name.replace(' ', '_')}"
        for key in ("slope", "gap", "vendi"):
            if own[key] is not None:
                metrics[f"{prefix}.{'spectrum_' if key != 'vendi' else ''}{key}"] = Metric(own[key], count)
        for attribute, value in own["truth"].items():
            metrics[f"{prefix}.truth.{attribute}"] = Metric.of(Interval(**value))
    for arm, probe in read_probes(settings, out).items():
        metrics[f"polygen.{arm}.generator_probe"] = Metric.of(probe)
    return metrics


def read_probes(settings: PolygenSettings, out: Path) -> dict[str, Interval]:
    """Arm -> accuracy of the generator probe on its features, over seeds."""
    found: dict[str, list[Interval]] = {}
    for arm in make_arms(settings):
        for seed in range(settings.seeds):
            file = out / "evaluation" / f"probe-{arm.name}-{seed}.json"
            if file.is_file():
                found.setdefault(arm.name, []).append(Interval(**json.loads(file.read_text())["probe"]))
    return {name: over_seeds(values) for name, values in found.items()}
