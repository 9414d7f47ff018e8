"""The flow-matching generator as a kind."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from pairsmith.generators.flow.config import FlowConfig
from pairsmith.generators.flow.model import FlowGenerator
from pairsmith.generators.flow.objective import FlowSettings
from pairsmith.generators.flow.presets import PRESETS
from pairsmith.generators.flow.sampling import FlowSamplingSettings
from pairsmith.stages.generator_kinds.token_kind import TokenTrainingSettings, token_kind
from pairsmith.training.tasks.flow import FlowTask


class FlowTrainingSettings(TokenTrainingSettings):
    """Everything that decides a flow-matching generator beside its pairs, tokenizer and language model."""

    generator: FlowConfig = Field(description="sizes; what follows from tokenizer and language model is filled in")
    flow: FlowSettings = FlowSettings()


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

KIND = token_kind(
    name="flow",
    what="follows a learned flow from noise to code vectors (rectified flow, a small diffusion transformer)",
    model=FlowGenerator,
    sampling=FlowSamplingSettings,
    settings=FlowTrainingSettings,
    sizes=PRESETS,
    presets=PRESET_VALUES,
    task=lambda model, encoder, settings: FlowTask(model, encoder, settings.flow, settings.cached_captions),
)
