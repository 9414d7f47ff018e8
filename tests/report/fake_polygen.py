"""The folder of a PolyGen run with invented figures, other ones for each arm and seed: nothing is trained for it."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pairsmith.evaluation import mean_interval, write_environment, write_metrics
from pairsmith.evaluation.bootstrap import Interval
from pairsmith.evaluation.scene_suite import MTL_TASKS
from pairsmith.pairs import Pair, PairStore, imported_id
from pairsmith.pairs.caption_sets import BASE_KIND
from pairsmith.recipes.polygen.arms import make_arms
from pairsmith.recipes.polygen.results import collect_metrics
from pairsmith.recipes.run_files import begin, save_json
from tests.recipes.polygen.tiny import small_settings

SEEDS = 2
ITEMS = 40
SUBSETS = ("replace_att", "replace_obj", "replace_rel", "swap_att", "swap_obj")
CREPE = ("sugarcrepe_macro", "sugarcrepe_pp_itt", "sugarcrepe_pp_tot")
KEYS = (*MTL_TASKS.values(), *CREPE, *(f"sugarcrepe_pp_{kind}_{name}" for kind in ("itt", "tot") for name in SUBSETS))
LEVELS = {  # percent of the five tasks, about; flow is the better single generator
    "single_masked": 40.0,
    "single_flow": 50.0,
    "ensemble": 62.0,
    "negatives": 58.0,
    "negatives_constant": 55.0,
}
COMPOSITION = {"single_masked": 45.0, "single_flow": 38.0, "ensemble": 44.0, "negatives": 66.0}
PROBES = {"single_masked": 91.0, "single_flow": 87.0, "ensemble": 71.0, "negatives": 70.0, "negatives_constant": 69.0}
GENERATORS = {"masked": (-2.31, 0.42, 13.7), "flow": (-1.87, 0.19, 21.3), "true pictures": (-2.04, None, None)}
EXACT = {"masked": 63.0, "flow": 78.0, "true pictures": 97.0}


def make_run(out: Path, *, seeds: int = SEEDS, caption: str = "a red circle", failed: int = 0) -> Path:
    """A finished run of two generators, every seed with figures of its own.

    Args:
        out: the folder.
        seeds: of every arm.
        caption: of all examples.
        failed: rows of the ensemble that could not be drawn.
    """
    settings = small_settings(f"seeds={seeds}").with_seeds()
    begin(settings, out)
    arms = make_arms(settings)
    budgets = {}
    for number, arm in enumerate(arms):
        drawn = dict.fromkeys(arm.weights, 24 // len(arm.weights))
        negatives = 3 * number if arm.negatives == "images" else 0
        own = {"captions": 100 + number, "negatives": negatives, "planned": drawn, "drawn": drawn}
        budgets[arm.name] = {**own, "failed": failed if arm.name == "ensemble" else 0}
        for seed in range(seeds):
            write_arm(out, arm.name, seed, number)
            probe = mean_interval(_right(PROBES[arm.name] + seed, [seed, number, 99]))
            save_json(out / "evaluation" / f"probe-{arm.name}-{seed}.json", {"probe": asdict(probe), "chance": 52.5})
    save_json(out / "evaluation" / "budgets.json", budgets)
    save_json(out / "evaluation" / "generators.json", _generators())
    write_examples(out, caption)
    write_metrics(out / "metrics.json", collect_metrics(settings, out))
    write_environment(out / "environment.json")
    return out


def write_arm(out: Path, arm: str, seed: int, number: int = 0, change: float = 0.0) -> None:
    """The file of an arm and a seed; `change` is added to every figure."""
    units = {}
    for place, key in enumerate(KEYS):
        level = COMPOSITION.get(arm, 50.0) if "crepe" in key else LEVELS[arm]
        values = _right(level + 3 * seed + place % 4 + change, [number, seed, place])
        units[key] = {"units": f"items of {key}", "values": values.tolist()}
    metrics = {key: asdict(mean_interval(own["values"])) for key, own in units.items()}
    entry = {"arm": arm, "seed": seed, "metrics": metrics, "units": units, "steps": 6, "loss": 1.0}
    save_json(out / "evaluation" / "arms" / f"{arm}-{seed}.json", entry)


def write_examples(out: Path, caption: str) -> None:
    """The rows of the arm with negatives: one caption and its negative by both generators."""
    rows = []
    for group, texts, kind in (
        ("g", (caption, f"no {caption}"), "attribute_swap"),
        ("n", (f"no {caption}", caption), BASE_KIND),
    ):
        for turn, name in enumerate(("masked", "flow")):
            buffer = io.BytesIO()
            Image.new("RGB", (16, 16), (40 * turn, 90, len(group))).save(buffer, "PNG")
            rows.append(
                Pair(
                    id=imported_id("fake", f"{group}{turn}"), caption=texts[0], negative=texts[1], negative_kind=kind,
                    group=group, generator=name, image=buffer.getvalue(), settings="",
                )
            )  # fmt: skip
    PairStore.write(out / "arms" / "negatives", rows, settings={"stage": "arm"})


def figure(out: Path, arm: str, key: str, seeds: Sequence[int] = range(SEEDS)) -> float:
    """The mean over seeds, straight from the files."""
    files = [json.loads((out / "evaluation" / "arms" / f"{arm}-{seed}.json").read_text()) for seed in seeds]
    return float(np.mean([file["units"][key]["values"] for file in files]))


def _right(percent: float, seed: Sequence[int]) -> np.ndarray:
    """Scores of items that are near a level and vary, [ITEMS]."""
    return np.clip(percent + np.random.default_rng(list(seed)).normal(0, 4, ITEMS), 0, 100).round(4)


def _generators() -> dict[str, Any]:
    def share(value: float) -> dict[str, Any]:
        return asdict(Interval(value, value - 6.5, value + 1.5, 30))

    return {
        "captions": 30,
        "encoder": "ensemble",
        "frequencies": [0.1, 0.3, 0.5],
        "variance": asdict(Interval(0.137, 0.121, 0.158, 30)),
        "vendi_mixed": 27.61,
        "generators": {
            name: {
                "spectrum": [-1.0, -2.0, -3.0],
                "slope": slope,
                "gap": gap,
                "vendi": vendi,
                "truth": {"class": share(EXACT[name] + 1), "exact": share(EXACT[name])},
            }
            for name, (slope, gap, vendi) in GENERATORS.items()
        },
    }
