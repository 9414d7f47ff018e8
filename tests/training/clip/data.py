"""A small store of bases with negatives, and settings that train on it in a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pairsmith.clip.config import DualEncoderConfig
from pairsmith.pairs import Pair, PairStore, imported_id
from pairsmith.pairs.caption_sets import BASE_KIND
from pairsmith.scenes.datasets import encode_png
from pairsmith.training.clip.crops import CropSettings
from pairsmith.training.clip.settings import ClipSettings
from pairsmith.training.settings import TrainingSettings

COLOURS = {"red": (220, 30, 30), "green": (30, 160, 30), "blue": (30, 60, 220), "white": (240, 240, 240)}
CONFIG = DualEncoderConfig(
    architecture={
        "embed_dim": 16,
        "vision_cfg": {"image_size": 16, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
        "text_cfg": {"context_length": 8, "width": 32, "heads": 2, "layers": 1},
    },
    words=True,
)


def picture(upper: str, lower: str, view: int) -> bytes:
    """Two colours, one above the other, with a little noise of the view's own."""
    pixels = np.empty((16, 16, 3), np.int64)
    pixels[:8], pixels[8:] = COLOURS[upper], COLOURS[lower]
    pixels += np.random.default_rng(view).integers(-8, 8, pixels.shape)
    return encode_png(pixels.clip(0, 255).astype(np.uint8))


def make_store(folder: Path, views: int = 2) -> PairStore:
    """Six pairs of colours one above the other; the negative of each is the other way round, and has pictures too."""
    names = list(COLOURS)
    rows = []
    for place, upper in enumerate(names):
        for lower in names[place + 1 :]:
            for first, second, kind in ((upper, lower, "order"), (lower, upper, BASE_KIND)):
                caption, negative = f"{first} above {second}", f"{second} above {first}"
                rows += [
                    Pair(
                        id=imported_id(caption, str(view)),
                        group=caption,
                        caption=caption,
                        negative=negative,
                        negative_kind=kind,
                        image=picture(first, second, view),
                    )
                    for view in range(views)
                ]
    return PairStore.write(folder, rows, settings={"views": views}, shard_rows=7)


def make_settings(steps: int = 4, **changes: Any) -> ClipSettings:
    """Batches of 8 pictures."""
    training = {
        "steps": steps, "batch_size": 8, "learning_rate": 3e-3, "log_every": 1, "device": "cpu", "tensorboard": False,
        **changes.pop("training", {}),
    }  # fmt: skip
    base = {"model": CONFIG, "crop": CropSettings(area=(0.8, 1.0)), **changes}
    return ClipSettings(training=TrainingSettings(**training), **base)
