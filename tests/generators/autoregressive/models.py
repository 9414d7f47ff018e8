"""An autoregressive generator small enough that a whole drawing takes milliseconds."""

from __future__ import annotations

import torch

from pairsmith.generators.autoregressive import AutoregressiveConfig, AutoregressiveGenerator

CONFIG = AutoregressiveConfig(
    layers=2, heads=2, width=16, mlp_width=32, dropout=0.0, codebook_size=11, grid=4, text_dim=12, max_text=6
)
TIED = CONFIG.model_copy(update={"codebook_tied": True, "codebook_residual": False, "code_dim": 5, "text_layers": 1})


def make_autoregressive(
    config: AutoregressiveConfig = CONFIG, seed: int = 0, noisy: bool = True
) -> AutoregressiveGenerator:
    """`noisy`: weights large enough that text and tokens clearly matter."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = AutoregressiveGenerator(config)
        if noisy:
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.normal_(std=0.4)
        if config.codebook_tied:
            assert config.code_dim is not None
            model.set_codebook(torch.randn(config.codebook_size, config.code_dim))
    return model.eval()
