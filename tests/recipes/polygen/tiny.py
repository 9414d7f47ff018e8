"""The recipe's settings cut down until everything runs in seconds and learns nothing."""

from __future__ import annotations

from typing import Any

from pairsmith.recipes.polygen.presets import preset
from pairsmith.recipes.polygen.settings import PolygenSettings
from pairsmith.settings import load_settings

SMALL_GENERATOR = {
    "generator": {"layers": 1, "text_layers": 1, "width": 32, "mlp_width": 64},
    "training": {"steps": 2, "batch_size": 4, "warmup_steps": 1, "tensorboard": False},
}
GENERATORS: list[dict[str, Any]] = [
    {"name": "masked", "kind": "masked", "training": SMALL_GENERATOR, "sampling": {"steps": 1, "guidance": 0.0}},
    {"name": "flow", "kind": "flow", "training": SMALL_GENERATOR, "sampling": {"steps": 1, "guidance": 1.0}},
]
SMALL = [
    "arms=[single, ensemble, negatives, negatives_constant]",
    "seeds=1",
    "budget=24",
    "batch_views=null",
    "pairs.count=8",
    "caption_count=44",
    "render.shard_rows=5",
    "render.batch_rows=4",
    "clip.epochs=2",
    "clip.curriculum.epochs=2",
    "clip.training.batch_size=8",
    "tests.images=20",
    "tests.per_class=6",
    "tests.episodes=4",
    "examination.captions=6",
    "examination.oracle_steps=1",
    "examination.oracle_batch=2",
]


def small_settings(*overrides: str) -> PolygenSettings:
    base = {**preset("tiny").to_dict(), "generators": GENERATORS}
    return load_settings(PolygenSettings, base, None, [*SMALL, *overrides])
