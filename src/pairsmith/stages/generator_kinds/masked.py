"""The masked generator (Muse, Synth²) as a kind."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from pydantic import Field

from pairsmith.generators.base import TokenGenerator
from pairsmith.generators.config import GeneratorConfig
from pairsmith.generators.masking import MaskingSettings
from pairsmith.generators.model import MaskedGenerator
from pairsmith.generators.presets import PRESETS
from pairsmith.generators.sampling import SamplingSettings
from pairsmith.model_folder import CONFIG_FILE
from pairsmith.settings import Settings
from pairsmith.stages.generator_kinds.kind import GeneratorKind, Training, TrainRequest, fitted, open_token_renderer
from pairsmith.training.settings import TrainingSettings
from pairsmith.training.task import Task
from pairsmith.training.tasks.generator import GeneratorTask


class MaskedTrainingSettings(Settings):
    """Everything that decides a masked generator beside its pairs, tokenizer and language model."""

    generator: GeneratorConfig = Field(description="sizes; what follows from tokenizer and language model is filled in")
    masking: MaskingSettings = MaskingSettings()
    training: TrainingSettings
    text_layer: int = Field(default=-1, description="hidden states of the language model that it reads")
    cached_captions: int = Field(default=0, ge=0, description="captions whose text features are kept in memory")


def build(request: TrainRequest) -> tuple[TokenGenerator, Task]:
    """An untrained masked generator and its task."""
    settings: MaskedTrainingSettings = request.settings
    update = fitted(request.tokenizer, request.text_encoder)
    if settings.generator.codebook_tied:
        update["code_dim"] = request.tokenizer.config.code_dim
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(request.seed)
        model = MaskedGenerator(settings.generator.model_copy(update=update))
    if settings.generator.codebook_tied:
        model.set_codebook(request.tokenizer.codebook)
    return model, GeneratorTask(model, request.text_encoder, settings.masking, settings.cached_captions)


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

KIND = GeneratorKind(
    name="masked",
    what="fills in masked tokens in a few refinement steps (Muse, Synth²)",
    file=CONFIG_FILE,
    marks=MaskedGenerator.MARKS,
    sampling=SamplingSettings,
    open=partial(open_token_renderer, model=MaskedGenerator, name="masked"),
    training=Training(
        MaskedTrainingSettings,
        {name: {"generator": PRESETS[name].to_dict(), **values} for name, values in PRESET_VALUES.items()},
        build,
    ),
)
