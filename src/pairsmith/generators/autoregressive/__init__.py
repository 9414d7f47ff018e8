"""Autoregressive text-to-image generation: a decoder-only transformer that draws a picture's tokens one by one."""

from __future__ import annotations

from pairsmith.generators.autoregressive.config import AutoregressiveConfig
from pairsmith.generators.autoregressive.model import AutoregressiveGenerator
from pairsmith.generators.autoregressive.objective import AutoregressiveSettings, autoregressive_loss
from pairsmith.generators.autoregressive.presets import PAPER, PRESETS, SMALL, TINY
from pairsmith.generators.autoregressive.sampling import AutoregressiveSamplingSettings, sample_raster

__all__ = [
    "PAPER",
    "PRESETS",
    "SMALL",
    "TINY",
    "AutoregressiveConfig",
    "AutoregressiveGenerator",
    "AutoregressiveSamplingSettings",
    "AutoregressiveSettings",
    "autoregressive_loss",
    "sample_raster",
]
