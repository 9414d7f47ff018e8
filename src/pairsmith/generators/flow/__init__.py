"""Flow-matching text-to-image generation: a small diffusion transformer on the tokenizer's code vectors."""

from __future__ import annotations

from pairsmith.generators.flow.config import FlowConfig
from pairsmith.generators.flow.model import FlowGenerator
from pairsmith.generators.flow.objective import FlowSettings, flow_loss
from pairsmith.generators.flow.presets import PAPER, PRESETS, SMALL, TINY
from pairsmith.generators.flow.sampling import FlowSamplingSettings, sample_latents

__all__ = [
    "PAPER",
    "PRESETS",
    "SMALL",
    "TINY",
    "FlowConfig",
    "FlowGenerator",
    "FlowSamplingSettings",
    "FlowSettings",
    "flow_loss",
    "sample_latents",
]
