"""The recipe's settings cut down until everything runs in seconds and learns nothing."""

from __future__ import annotations

import json
from pathlib import Path

from pairsmith.recipes.synthvlm.presets import PRESETS
from pairsmith.recipes.synthvlm.settings import SynthvlmSettings
from pairsmith.settings import load_settings
from tests.evaluation.image_text.encoders import save_tiny_open_clip
from tests.generators.diffusers import tiny_pipelines
from tests.vlm.llava.tiny import byte_tokenizer, clip_tower, tiny_lm

STEPS = [
    "seeds=1",
    "stage_1.training.steps=3",
    "stage_1.training.batch_size=4",
    "stage_2.training.steps=2",
    "stage_2.training.batch_size=2",
    "evaluation.max_new_tokens=4",
    "evaluation.oracle_steps=2",
    "evaluation.oracle_batch=4",
]
SCENES = [
    "arms=[all, selected, random, clip, ssim, real]",
    "source.pairs=60",
    "source.test=6",
    "instructions.scenes=4",
    "images.flow.steps=2",
    "images.shard_rows=16",
]
ARMS = ("all", "selected", "random", "clip", "ssim", "real")


def scene_settings(*overrides: str) -> SynthvlmSettings:
    return load_settings(SynthvlmSettings, PRESETS["tiny"].to_dict(), None, [*STEPS, *SCENES, *overrides])


def own_settings(folder: Path, *overrides: str) -> SynthvlmSettings:
    """Settings for own pairs, with untrained models saved in `folder` for every part."""
    pipeline = tiny_pipelines.save(folder / "pipeline", tiny_pipelines.PIPELINES["sd15"])
    scorer = save_tiny_open_clip(folder / "open_clip")
    hf_tokenizer = byte_tokenizer()
    tiny_lm(len(hf_tokenizer)).save_pretrained(folder / "lm")
    hf_tokenizer.save_pretrained(folder / "lm")
    clip_tower().save_pretrained(folder / "tower")
    (folder / "tower" / "preprocessor_config.json").write_text(
        json.dumps({"image_processor_type": "CLIPImageProcessor", "image_mean": [0.5] * 3, "image_std": [0.5] * 3})
    )
    own = [
        "source.test=4",
        "source.max_pairs=30",
        f"images.generator={pipeline}",
        "images.diffusers={steps: 2, width: 16, height: 16, image_format: png}",
        f"scoring.clip.model={scorer}",
        "scoring.ssim={base: 16, size: 8}",
        f"stage_1.parts={{vision_tower: {folder / 'tower'}, language_model: {folder / 'lm'}}}",
        "stage_1.max_length=400",
        "arms=[selected, random, real]",
    ]
    return load_settings(SynthvlmSettings, PRESETS["tiny"].to_dict(), None, [*STEPS, *own, *overrides])
