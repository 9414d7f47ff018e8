"""The folder of a SynthVLM run with real stores and invented figures: nothing is trained for it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pairsmith.captions.filters import filter_captions
from pairsmith.evaluation import write_environment, write_metrics
from pairsmith.evaluation.bootstrap import mean_interval
from pairsmith.pairs import Pair, PairStore
from pairsmith.pairs.scores import write_scores
from pairsmith.recipes.run_files import save_json
from pairsmith.recipes.synthvlm.curate import examine_curation
from pairsmith.recipes.synthvlm.data import scene_data
from pairsmith.recipes.synthvlm.examination import (
    SHOWN,
    SHOWN_ATTRIBUTES,
    compare_pairs,
    kinds_by_arm,
    shown_by_arm,
    telling_apart,
)
from pairsmith.recipes.synthvlm.pairs import Stores, choose
from pairsmith.recipes.synthvlm.results import collect_metrics
from pairsmith.recipes.synthvlm.settings import Arm, SynthvlmSettings
from tests.recipes.synthvlm.tiny import scene_settings

ARMS: tuple[Arm, ...] = ("real", "curated", "all", "random", "selected", "clip", "ssim")
CIDER = {"selected": 90.0, "random": 60.0, "all": 70.0, "clip": 80.0, "ssim": 50.0, "real": 75.0}


def make_run(out: Path, *, seeds: int = 2, own_pairs: bool = False, caption: str | None = None) -> Path:
    """A finished run; `caption` replaces every caption of a model."""
    settings = scene_settings(f"seeds={seeds}", "source.test=20").with_seeds()
    data = scene_data(settings, out / "data")
    _score(data.source, 1)
    curated = filter_captions(data.source, out / "captions", settings.curation.filters)
    drawn = PairStore.write(out / "images", _drawn(curated), settings={"stage": "render"}, shard_rows=500)
    _score(drawn, 2)
    rng = np.random.default_rng(0)
    for store in (data.source, drawn):
        for name in SHOWN_ATTRIBUTES:
            write_scores(store, f"{SHOWN}{name}", store.ids(), rng.integers(0, 2, len(store)).astype(float), {})
    evaluation = out / "evaluation"
    save_json(evaluation / "curation.json", examine_curation(data.source, curated, not own_pairs))
    pairs = {arm: choose(settings, arm, Stores(data.source, curated, drawn)) for arm in ARMS}
    found: dict[str, Any] = {
        "counts": {arm: len(one.positions) for arm, one in pairs.items()},
        "scores": compare_pairs(settings, pairs),
    }
    if not own_pairs:
        found |= {"shown": shown_by_arm(pairs), "kinds": kinds_by_arm(pairs)}
        found["telling_apart"] = telling_apart(settings, drawn)
        whole = {name: mean_interval([100.0, 90.0]) for name in SHOWN_ATTRIBUTES}
        found |= {"oracle": whole, "ceiling": whole}
    save_json(evaluation / "pairs.json", found)
    for arm in settings.arms:
        for seed in range(seeds):
            entry = {"arm": arm, "seed": seed, "pairs": found["counts"][arm]}
            for stage in ("stage_1", "stage_2"):
                entry[stage] = _look(data.test, arm, seed, stage, own_pairs, caption)
            save_json(evaluation / "arms" / f"{arm}-{seed}.json", entry)
    _write_ends(settings, out, own_pairs)
    return out


def _write_ends(settings: SynthvlmSettings, out: Path, own_pairs: bool) -> None:
    values = {"recipe": "synthvlm", "real": "/data/my pairs" if own_pairs else None, **settings.to_dict()}
    (out / "settings.yaml").write_text(yaml.safe_dump(values))
    write_metrics(out / "metrics.json", collect_metrics(settings, out))
    write_environment(out / "environment.json")


def _drawn(curated: PairStore) -> list[Pair]:
    return [
        replace(pair, id=f"{turn}{pair.id}", group=pair.id, generator="flow", settings="")
        for pair in curated.iter_pairs()
        for turn in range(2)
    ]


def _score(store: PairStore, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for name in ("clip", "ssim"):
        write_scores(store, name, store.ids(), rng.uniform(0.2, 1.0, len(store)), {"score": name})


def _look(test: PairStore, arm: str, seed: int, stage: str, own_pairs: bool, caption: str | None) -> dict[str, Any]:
    rng = np.random.default_rng([seed, len(arm), len(stage)])
    scores = np.clip(CIDER[arm] + 5 * seed + rng.normal(0, 10, len(test)), 0, None)
    rows = list(test.iter_pairs(["id", "references"]))
    interval = mean_interval(scores)
    found: dict[str, Any] = {
        "captions": {row.id: caption or row.references[0] for row in rows},
        "metrics": dict.fromkeys(("cider_d", "cider", "bleu_1", "bleu_4", "rouge_l"), interval),
        "per_image": {"cider_d": scores.tolist()},
        "truth": {},
        "vqa": {},
    }
    if not own_pairs:
        right = 100.0 * rng.integers(0, 2, len(test))
        found["per_image"] |= {"exact": right.tolist(), "vqa": right.tolist()}
        found["truth"] = {axis: {"class": mean_interval(right)} for axis in ("all", "seen", "held-out")}
        found["vqa"] = {"all": mean_interval(right), "what_color": mean_interval(right)}
    return found


def edit_arms(out: Path, arm: str, change: float) -> None:
    """Move the CIDEr of an arm on every image."""
    for file in (out / "evaluation" / "arms").glob(f"{arm}-*.json"):
        entry = json.loads(file.read_text())
        for stage in ("stage_1", "stage_2"):
            values = entry[stage]["per_image"]["cider_d"]
            entry[stage]["per_image"]["cider_d"] = [value + change for value in values]
        file.write_text(json.dumps(entry))
