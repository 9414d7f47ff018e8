"""Masked text-to-image generation: a transformer that fills in a picture's tokens from a caption (Muse, Synth²)."""

from __future__ import annotations

from pairsmith.generators.conditioning import TextContext
from pairsmith.generators.config import GeneratorConfig
from pairsmith.generators.masking import MaskingSettings, masked_loss
from pairsmith.generators.model import MaskedGenerator
from pairsmith.generators.presets import PAPER, PRESETS, SMALL, TINY
from pairsmith.generators.sampling import SamplingSettings, sample
from pairsmith.generators.text import TextEncoder

__all__ = [
    "PAPER",
    "PRESETS",
    "SMALL",
    "TINY",
    "GeneratorConfig",
    "MaskedGenerator",
    "MaskingSettings",
    "SamplingSettings",
    "TextContext",
    "TextEncoder",
    "masked_loss",
    "sample",
]
