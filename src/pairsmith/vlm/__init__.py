"""The VLM room: a Flamingo-like model that reads VQ tokens or pixels through a frozen language model."""

from __future__ import annotations

from pairsmith.vlm.accounting import parameter_table
from pairsmith.vlm.batch import TextBatch, build_batch, build_prompts
from pairsmith.vlm.config import AdapterConfig, GatedAttentionConfig, ResamplerConfig, VLMConfig
from pairsmith.vlm.gated_attention import media_mask
from pairsmith.vlm.generation import GeneratedText, GenerationSettings, caption
from pairsmith.vlm.model import VisionLanguageModel, VLMOutput
from pairsmith.vlm.parameters import ParameterGroup
from pairsmith.vlm.presets import PAPER_B, PAPER_L_PLUS, PRESETS, SMALL, TINY, chinchilla_400m

__all__ = [
    "PAPER_B",
    "PAPER_L_PLUS",
    "PRESETS",
    "SMALL",
    "TINY",
    "AdapterConfig",
    "GatedAttentionConfig",
    "GeneratedText",
    "GenerationSettings",
    "ParameterGroup",
    "ResamplerConfig",
    "TextBatch",
    "VLMConfig",
    "VLMOutput",
    "VisionLanguageModel",
    "build_batch",
    "build_prompts",
    "caption",
    "chinchilla_400m",
    "media_mask",
    "parameter_table",
]
