"""The masked generator (Muse, Synth²) as a kind."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from pairsmith.generators.config import GeneratorConfig
from pairsmith.generators.masking import MaskingSettings
from pairsmith.generators.model import MaskedGenerator
from pairsmith.generators.presets import PRESETS
from pairsmith.generators.sampling import SamplingSettings
from pairsmith.stages.generator_kinds.token_kind import TokenTrainingSettings, token_kind
from pairsmith.training.tasks.generator import GeneratorTask


class MaskedTrainingSettings(TokenTrainingSettings):
    """Everything that decides a masked generator beside its pairs, tokenizer and language model."""

    generator: GeneratorConfig = Field(description="sizes; what follows from tokenizer and language model is filled in")
    masking: MaskingSettings = MaskingSettings()


PRESET_VALUES: dict[str, dict[str, Any]] = {
    # Synth² table A.1.3.
    "paper": {
        "training": {
            "steps": 500_000,
            "batch_size": 512,
            "learning_rate": 1e-4,
            "warmup_steps": 5_000,
            "weight_decay": 1e-4,
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
            "precision": "bf16",
            "betas": (0.9, 0.96),
            "weight_decay": 0.045,
            "checkpoint_every": 2_500,
        },
    },
    # For the built-in scenes, whose captions leave nothing open and whose language model has three hidden states.
    "tiny": {
        "masking": {"label_smoothing": 0.0, "min_ratio": 0.5},
        "training": {
            "steps": 1_000,
            "batch_size": 64,
            "learning_rate": 1e-3,
            "warmup_steps": 50,
            "decay": "cosine",
            "weight_decay": 0.01,
            "betas": (0.9, 0.96),
        },
        "text_layer": 1,
        "cached_captions": 4_000,
    },
}

KIND = token_kind(
    name="masked",
    what="fills in masked tokens in a few refinement steps (Muse, Synth²)",
    model=MaskedGenerator,
    sampling=SamplingSettings,
    settings=MaskedTrainingSettings,
    sizes=PRESETS,
    presets=PRESET_VALUES,
    task=lambda model, encoder, settings: GeneratorTask(model, encoder, settings.masking, settings.cached_captions),
)
