"""The autoregressive generator (LlamaGen) as a kind."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from pairsmith.generators.autoregressive.config import AutoregressiveConfig
from pairsmith.generators.autoregressive.model import AutoregressiveGenerator
from pairsmith.generators.autoregressive.objective import AutoregressiveSettings
from pairsmith.generators.autoregressive.presets import PRESETS
from pairsmith.generators.autoregressive.sampling import AutoregressiveSamplingSettings
from pairsmith.stages.generator_kinds.token_kind import TokenTrainingSettings, token_kind
from pairsmith.training.tasks.autoregressive import AutoregressiveTask


class AutoregressiveTrainingSettings(TokenTrainingSettings):
    """Everything that decides an autoregressive generator beside its pairs, tokenizer and language model."""

    generator: AutoregressiveConfig = Field(
        description="sizes; what follows from tokenizer and language model is filled in"
    )
    objective: AutoregressiveSettings = AutoregressiveSettings()


PRESET_VALUES: dict[str, dict[str, Any]] = {
    # LlamaGen's text-to-image program: constant 1e-4 at batch 256, AdamW (0.9, 0.95), decay 0.05, clip 1, bf16; it
    # states no warm-up. The number of steps is that of the other generators' paper presets, not LlamaGen's.
    "paper": {
        "training": {
            "steps": 500_000,
            "batch_size": 256,
            "learning_rate": 1e-4,
            "weight_decay": 0.05,
            "betas": (0.9, 0.95),
            "precision": "bf16",
            "checkpoint_every": 5_000,
        },
    },
    "small": {
        "training": {
            "steps": 60_000,
            "batch_size": 128,
            "learning_rate": 2e-4,
            "warmup_steps": 1_000,
            "decay": "cosine",
            "weight_decay": 0.05,
            "betas": (0.9, 0.95),
            "precision": "bf16",
            "checkpoint_every": 2_500,
        },
    },
    # For the built-in scenes, whose captions leave nothing open and whose language model has three hidden states.
    "tiny": {
        "training": {
            "steps": 800,
            "batch_size": 64,
            "learning_rate": 1e-3,
            "warmup_steps": 50,
            "decay": "cosine",
            "weight_decay": 0.01,
            "betas": (0.9, 0.95),
        },
        "text_layer": 1,
        "cached_captions": 4_000,
    },
}

KIND = token_kind(
    name="autoregressive",
    what="draws token after token in raster order (LlamaGen, a decoder-only transformer)",
    model=AutoregressiveGenerator,
    sampling=AutoregressiveSamplingSettings,
    settings=AutoregressiveTrainingSettings,
    sizes=PRESETS,
    presets=PRESET_VALUES,
    task=lambda model, encoder, settings: AutoregressiveTask(
        model, encoder, settings.objective, settings.cached_captions
    ),
)
