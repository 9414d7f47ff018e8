"""Named sizes of the autoregressive generator."""

from __future__ import annotations

from pairsmith.generators import presets as masked
from pairsmith.generators.autoregressive.config import AutoregressiveConfig

# LlamaGen-B (Sun et al., 2024, table 1: 111M parameters with its class embedding), read as its text-conditional model
# reads text: a two-layer MLP on 120 tokens' features, whose width comes from the language model. That model itself has
# the sizes of LlamaGen-XL: layers=36, heads=20, width=1280, mlp_width=3584.
PAPER = AutoregressiveConfig()

# One GPU, hours: depth, width and tokens of the small masked generator. No paper.
SMALL = AutoregressiveConfig(
    layers=8, heads=8, width=512, mlp_width=1408, codebook_size=4096, grid=8, text_dim=576, max_text=64
)

# Two CPU cores, minutes: the tiny masked generator's sizes and tied codebook, for its reasons. No paper.
TINY = AutoregressiveConfig(**{**masked.TINY.to_dict(), "mlp_width": 512})

PRESETS: dict[str, AutoregressiveConfig] = {"paper": PAPER, "small": SMALL, "tiny": TINY}
