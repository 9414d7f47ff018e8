"""From what the stages measured to the flat `metrics.json` that other programs read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pairsmith.evaluation import Metric
from pairsmith.evaluation.bootstrap import Interval
from pairsmith.evaluation.several_seeds import over_seeds
from pairsmith.recipes.polygen.arms import baseline_arm, make_arms, repeated_arm, single_arm
from pairsmith.recipes.polygen.comparison import DELTA, ArmScores, best_single, delta, difference, join_arms
from pairsmith.recipes.polygen.encoders import COMPOSITIONAL
from pairsmith.recipes.polygen.settings import PolygenSettings
from pairsmith.recipes.run_files import read_arms

BEST = "best_single"


def read_arm_scores(settings: PolygenSettings, out: Path) -> dict[str, ArmScores]:
    """The arms that the settings ask for, with the seeds that they ask for."""
    return join_arms(read_arms(out, settings.seeds), [arm.name for arm in make_arms(settings)])


def collect_metrics(settings: PolygenSettings, out: Path) -> dict[str, Metric]:
    """All figures of a run under the names of the contract.

    `best_single` repeats the figures of the single arm with the largest delta MTL; `over_best_single.KEY` is a
    difference from the single arm that is best at KEY itself, `over_best_repeated.KEY` one from the best arm of a
    single generator with as few captions as the ensemble. Without single arms there is no baseline, and delta MTL
    is left out.
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
    repeated = [repeated_arm(generator.name) for generator in settings.generators]
    best = _best(arms, singles, baseline)
    best_repeated = _best(arms, repeated, baseline)
    found: dict[str, Metric] = {}
    for name, arm in arms.items():
        change = delta(arm, baseline)
        if change is not None:
            found[f"polygen.{name}.delta_mtl"] = Metric(0.0, change.n) if name == baseline.name else Metric.of(change)
        if name not in singles:
            found |= _over(f"polygen.{name}.over_best_single", arm, best)
        if name not in (*singles, *repeated):
            found |= _over(f"polygen.{name}.over_best_repeated", arm, best_repeated)
        if name.startswith("neg") and "ensemble" in arms:
            found |= _over(f"polygen.{name}.over_ensemble", arm, dict.fromkeys(COMPOSITIONAL, arms["ensemble"]))
    if {"negatives", "negatives_constant"} <= set(arms):
        constant = dict.fromkeys((DELTA, *COMPOSITIONAL), arms["negatives_constant"])
        found |= _over("polygen.curriculum", arms["negatives"], constant)
    prefix = f"polygen.{best[DELTA].name}."
    metrics = {f"{prefix}{key}": Metric.of(value) for key, value in best[DELTA].metrics.items()} | found
    return found | {
        f"polygen.{BEST}.{key.removeprefix(prefix)}": value for key, value in metrics.items() if key.startswith(prefix)
    }


def _best(arms: Mapping[str, ArmScores], names: Sequence[str], baseline: ArmScores) -> dict[str, ArmScores]:
    """Which of some arms is best at each figure; empty where none of them was trained."""
    found = {key: best_single(arms, names, baseline, key) for key in (DELTA, *COMPOSITIONAL)}
    return {key: arms[name] for key, name in found.items() if name is not None}


def _over(prefix: str, arm: ArmScores, others: Mapping[str, ArmScores]) -> dict[str, Metric]:
    """An arm beside others, figure by figure: delta MTL over the other one in percent, the rest in points."""
    found = {key: delta(arm, other) if key == DELTA else difference(arm, other, key) for key, other in others.items()}
    return {f"{prefix}.{key}": Metric.of(value) for key, value in found.items() if value is not None}


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
