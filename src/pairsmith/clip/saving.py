"""Dual encoders in open_clip's layout, which open_clip, its hub and CLIP_benchmark load as they are.

A folder with `open_clip_config.json` (architecture and picture transform) and `open_clip_model.safetensors`:

    open_clip.create_model_and_transforms("local-dir:FOLDER")
    clip_benchmark eval --model local-dir:FOLDER --pretrained "" --dataset wds/NAME --dataset_root DATA ...

The transform travels with the weights: a model trained with one mean and deviation and measured with another is not the
same model.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from pairsmith.errors import InputError

CONFIG_NAME = "open_clip_config.json"
WEIGHTS_NAME = "open_clip_model.safetensors"
OPENAI_MEAN, OPENAI_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def save_open_clip(
    model: torch.nn.Module,
    architecture: Mapping[str, Any],
    folder: Path,
    *,
    mean: tuple[float, float, float] = OPENAI_MEAN,
    std: tuple[float, float, float] = OPENAI_STD,
    interpolation: str = "bicubic",
    resize_mode: str = "shortest",
) -> None:
    """Write a model; every file is renamed into place, the configuration last.

    Args:
        model: an `open_clip.CLIP` or a module with its parameter names.
        architecture: what it was built from, open_clip's `model_cfg`: embed_dim, vision_cfg, text_cfg.
        folder: made when absent.
        mean, std: of the pictures it was trained on, per channel in 0..1.
        interpolation, resize_mode: of open_clip's transform.

    Raises:
        InputError: an architecture without picture size.
    """
    size = architecture.get("vision_cfg", {}).get("image_size")
    if not isinstance(size, int):
        raise InputError("the architecture names no vision_cfg.image_size, so no picture transform can be written")
    transform = {
        "size": [size, size], "mode": "RGB", "mean": list(mean), "std": list(std), "interpolation": interpolation,
        "resize_mode": resize_mode,
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in model.state_dict().items()}
    temporary = folder / f"{WEIGHTS_NAME}.tmp-{os.getpid()}"
    save_file(weights, temporary, metadata={"format": "pt"})
    temporary.replace(folder / WEIGHTS_NAME)
    temporary = folder / f"{CONFIG_NAME}.tmp-{os.getpid()}"
    temporary.write_text(json.dumps({"model_cfg": dict(architecture), "preprocess_cfg": transform}, indent=2) + "\n")
    temporary.replace(folder / CONFIG_NAME)
