"""What the arms' pairs are worth before anything is trained on them: their scores, and on scenes what they really show.

The oracle (`evaluation.oracle`) looks at every picture of scenes and says whether it shows exactly what its caption
says. That tells why a selection helps or does not: it can only help as far as its score tells right pictures from
wrong ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from pairsmith.curation.data_sets import DataSet, compare_sets
from pairsmith.curation.expression import parse_expression
from pairsmith.evaluation.bootstrap import Interval
from pairsmith.evaluation.oracle import ATTRIBUTES, OracleTraining, SceneOracle, render, train_oracle
from pairsmith.pairs import PairStore
from pairsmith.pairs.images import load_pixels
from pairsmith.pairs.scores import read_scores, sidecar_names, write_scores
from pairsmith.recipes.percentages import percent_interval
from pairsmith.recipes.scene_models.flow import SceneReaders
from pairsmith.recipes.synth2.measure import decode, encode
from pairsmith.recipes.synthvlm.pairs import ArmPairs
from pairsmith.recipes.synthvlm.settings import PAIR_SCORES, SynthvlmSettings
from pairsmith.scenes import World
from pairsmith.scenes.datasets import scene_of
from pairsmith.scenes.grammar import read
from pairsmith.seeds import row_seed

SHOWN = "shown_"  # what the names of the oracle's scores begin with, as shown_exact
SHOWN_ATTRIBUTES = ("class", "colour", "size", "count", "background", "exact")
KINDS = ("single", "pair", "group", "none")
_BATCH = 100


def compare_pairs(settings: SynthvlmSettings, arms: Mapping[str, ArmPairs]) -> dict[str, Any]:
    """The paper's data-set table: means of CLIPScore, SSIM and their sum over every arm's pairs.

    Returns:
        Arm -> measure -> {"value": interval, "difference": interval from the first arm or None}; a last measure is
        the selection's own sum, "weighted".
    """
    sets = [DataSet(name, pairs.store, pairs.positions) for name, pairs in arms.items()]
    by = settings.selection.by
    found = compare_sets(sets, list(PAIR_SCORES), by, settings.seed)
    names = {measure: measure for measure in PAIR_SCORES} | {by: "weighted"}
    return {
        arm: {
            names[measure]: {"value": of_set[arm].interval, "difference": of_set[arm].difference}
            for measure, of_set in found.items()
        }
        for arm in arms
    }


def examine_pictures(settings: SynthvlmSettings, world: World, source: PairStore, drawn: PairStore) -> dict[str, Any]:
    """Let the oracle look at all pictures, real and drawn, unless it has; its scores lie beside both stores.

    Returns:
        "ceiling": attribute -> interval ×100 of true pictures through the tokenizer, the best that the generator could
        do; "oracle": of true pictures as they are.
    """
    sizes = settings.evaluation
    training = OracleTraining(sizes.oracle_steps, sizes.oracle_batch, seed=row_seed(settings.seed, "oracle"))
    described = {"score": "oracle", "world": world.settings.to_dict(), "training": asdict(training)}
    oracle = train_oracle(world, training)
    for store in (source, drawn):
        if f"{SHOWN}exact" not in sidecar_names(store):
            values = _shown(oracle, store, world.settings.image_size)
            for name in SHOWN_ATTRIBUTES:
                write_scores(store, f"{SHOWN}{name}", store.ids(), values[name], {**described, "attribute": name})
    scenes = [scene_of(source.pair(at)) for at in range(min(len(source), 300))]
    true = render(scenes, world.settings.image_size)
    tokenizer = SceneReaders.load().tokenizer
    looks = {"oracle": true, "ceiling": decode(tokenizer, encode(tokenizer, true))}
    return {
        name: {key: _interval(values) for key, values in oracle.examine(pixels, scenes).items() if key in ATTRIBUTES}
        for name, pixels in looks.items()
    }


def shown_by_arm(arms: Mapping[str, ArmPairs]) -> dict[str, dict[str, Interval]]:
    """Arm -> attribute -> share ×100 of its pairs whose picture shows what the caption says, by the oracle."""
    return {
        name: {key: _interval(read_scores(pairs.store, f"{SHOWN}{key}")[pairs.positions]) for key in SHOWN_ATTRIBUTES}
        for name, pairs in arms.items()
    }


def kinds_by_arm(arms: Mapping[str, ArmPairs]) -> dict[str, dict[str, Interval]]:
    """Arm -> kind of scene -> share ×100 of its captions that speak of one: what a selection prefers.

    Captions that are no sentences about scenes are of kind "none".
    """
    found = {}
    for name, pairs in arms.items():
        captions: list[str] = pairs.store.column("caption").to_pylist()
        kinds = [fact.kind if (fact := read(captions[at])) else "none" for at in pairs.positions]
        found[name] = {kind: _interval(np.array([one == kind for one in kinds], np.float64)) for kind in KINDS}
    return found


def telling_apart(settings: SynthvlmSettings, drawn: PairStore) -> dict[str, float]:
    """How well each score tells exactly right pictures from wrong ones: the area under the ROC curve, 0.5 by chance.

    Empty where all pictures are right, or none is.
    """
    right = read_scores(drawn, f"{SHOWN}exact")
    scores = {name: read_scores(drawn, name) for name in PAIR_SCORES}
    scores["weighted"] = parse_expression(settings.selection.by).value(scores)
    known = np.isfinite(right) & np.all([np.isfinite(values) for values in scores.values()], axis=0)
    if len(set(right[known])) < 2:
        return {}
    return {name: float(roc_auc_score(right[known], values[known])) for name, values in scores.items()}


def _shown(oracle: SceneOracle, store: PairStore, size: int) -> dict[str, np.ndarray]:
    """Attribute -> float64 [rows]; 0 in all of them where the caption is no sentence about a scene."""
    captions: list[str] = store.column("caption").to_pylist()
    found = {name: np.zeros(len(store)) for name in ATTRIBUTES}
    facts = [read(caption) for caption in captions]
    rows = [row for row, fact in enumerate(facts) if fact is not None]
    for start in range(0, len(rows), _BATCH):
        some = rows[start : start + _BATCH]
        pixels = _pictures(store, some, size)
        scenes = [fact.scene() for row in some if (fact := facts[row]) is not None]
        for name, values in oracle.examine(pixels, scenes).items():
            found[name][some] = values
    return found


def _pictures(store: PairStore, rows: list[int], size: int) -> Tensor:
    images = store.take(rows, ["image"]).column("image").to_pylist()
    return torch.from_numpy(np.stack([load_pixels(image["bytes"], size) for image in images]))


def _interval(values: np.ndarray) -> Interval:
    there = values[np.isfinite(values)]
    return percent_interval(there) or Interval(100 * float(there.mean()), None, None, len(there))
