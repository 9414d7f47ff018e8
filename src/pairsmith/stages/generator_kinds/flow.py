"""The flow-matching generator as a kind."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from pydantic import Field

from pairsmith.generators.base import TokenGenerator
from pairsmith.generators.flow.config import FlowConfig
from pairsmith.generators.flow.model import FlowGenerator
from pairsmith.generators.flow.objective import FlowSettings
from pairsmith.generators.flow.presets import PRESETS
from pairsmith.generators.flow.sampling import FlowSamplingSettings
from pairsmith.model_folder import CONFIG_FILE
from pairsmith.settings import Settings
from pairsmith.stages.generator_kinds.kind import GeneratorKind, Training, TrainRequest, fitted, open_token_renderer
from pairsmith.training.settings import TrainingSettings
from pairsmith.training.task import Task
from pairsmith.training.tasks.flow import FlowTask


class FlowTrainingSettings(Settings):
    """Everything that decides a flow-matching generator beside its pairs, tokenizer and language model."""

    generator: FlowConfig = Field(description="sizes; what follows from tokenizer and language model is filled in")
    flow: FlowSettings = FlowSettings()
    training: TrainingSettings
    text_layer: int = Field(default=-1, description="hidden states of the language model that it reads")
    cached_captions: int = Field(default=0, ge=0, description="captions whose text features are kept in memory")


def build(request: TrainRequest) -> tuple[TokenGenerator, Task]:
    """An untrained flow-matching generator and its task."""
    settings: FlowTrainingSettings = request.settings
    update = {**fitted(request.tokenizer, request.text_encoder), "code_dim": request.tokenizer.config.code_dim}
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(request.seed)
        model = FlowGenerator(settings.generator.model_copy(update=update))
    model.set_codebook(request.tokenizer.codebook)
    return model, FlowTask(model, request.text_encoder, settings.flow, settings.cached_captions)


# Rates and batches as for diffusion transformers of these sizes (DiT: constant 1e-4, batch 256, no decay, averaged
# weights); tiny is for the built-in scenes.
PRESET_VALUES: dict[str, dict[str, Any]] = {
    "paper": {
        "training": {
            "steps": 500_000,
            "batch_size": 256,
            "learning_rate": 1e-4,
            "warmup_steps": 1_000,
            "weight_decay": 0.0,
            "ema": 0.9999,
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
            "weight_decay": 0.0,
            "ema": 0.999,
            "precision": "bf16",
            "checkpoint_every": 2_500,
        },
    },
    # At 64 dimensions whitened codes lie some 11 apart, so which code it is shows at noise levels around 0.9 already;
    # half of the levels are drawn above that.
    "tiny": {
        "flow": {"level_mean": 2.0},
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
    name="flow",
    what="follows a learned flow from noise to code vectors (rectified flow, a small diffusion transformer)",
    file=CONFIG_FILE,
    marks=FlowGenerator.MARKS,
    sampling=FlowSamplingSettings,
    open=partial(open_token_renderer, model=FlowGenerator, name="flow"),
    training=Training(
        FlowTrainingSettings,
        {name: {"generator": PRESETS[name].to_dict(), **values} for name, values in PRESET_VALUES.items()},
        build,
    ),
)
