"""From the name in the settings to the quantiser."""

from __future__ import annotations

import torch

from pairsmith.tokenizer.config import TokenizerConfig
from pairsmith.tokenizer.fsq import FSQQuantizer
from pairsmith.tokenizer.quantization import Quantizer
from pairsmith.tokenizer.simvq import SimVQQuantizer
from pairsmith.tokenizer.vq import EMAVectorQuantizer, GradientVectorQuantizer


def build_quantizer(config: TokenizerConfig, generator: torch.Generator) -> Quantizer:
    """The quantiser that `config.quantizer` names, with random codes drawn from the CPU `generator`."""
    if config.quantizer == "vq-ema":
        return EMAVectorQuantizer(config, generator)
    if config.quantizer == "vq":
        return GradientVectorQuantizer(config, generator)
    if config.quantizer == "simvq":
        return SimVQQuantizer(config, generator)
    return FSQQuantizer(config)
