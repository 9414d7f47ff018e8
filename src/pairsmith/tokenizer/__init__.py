"""The tokenizer room: a VQ-GAN that turns pictures into a grid of token ids and back."""

from __future__ import annotations

from pairsmith.tokenizer.config import (
    DiscriminatorConfig,
    TokenizerConfig,
    TokenizerLossConfig,
    TokenizerOptimization,
    TokenizerPreset,
)
from pairsmith.tokenizer.model import TokenizerOutput, VQTokenizer
from pairsmith.tokenizer.presets import MUSE, PAPER, PRESETS, SMALL, TINY

__all__ = [
    "MUSE",
    "PAPER",
    "PRESETS",
    "SMALL",
    "TINY",
    "DiscriminatorConfig",
    "TokenizerConfig",
    "TokenizerLossConfig",
    "TokenizerOptimization",
    "TokenizerOutput",
    "TokenizerPreset",
    "VQTokenizer",
]
