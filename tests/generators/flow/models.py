"""A flow-matching generator small enough that a whole drawing takes milliseconds."""

from __future__ import annotations

import torch

from pairsmith.generators.flow import FlowConfig, FlowGenerator

CONFIG = FlowConfig(
    layers=1,
    heads=2,
    width=16,
    mlp_width=32,
    dropout=0.0,
    codebook_size=11,
    grid=4,
    text_dim=12,
    max_text=6,
    code_dim=5,
)


def make_flow(config: FlowConfig = CONFIG, seed: int = 0, noisy: bool = True) -> FlowGenerator:
    """With a random codebook; `noisy`: weights large enough that text, latents and noise level clearly matter."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = FlowGenerator(config)
        if noisy:
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.normal_(std=0.3)
        model.set_codebook(torch.randn(config.codebook_size, config.code_dim))
    return model.eval()
