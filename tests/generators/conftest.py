"""A generator small enough that a whole decode takes milliseconds: 1 layer, 16 wide, 16 tokens, 11 codes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pairsmith.generators import GeneratorConfig, MaskedGenerator

TEST_CONFIG = GeneratorConfig(
    layers=1, heads=2, width=16, mlp_width=32, codebook_size=11, grid=4, text_dim=12, max_text=6
)
TIED_CONFIG = TEST_CONFIG.model_copy(update={"codebook_tied": True, "code_dim": 5})
TEXT_LAYERS_CONFIG = TIED_CONFIG.model_copy(update={"text_layers": 1})


def make_model(config: GeneratorConfig = TEST_CONFIG, seed: int = 0) -> MaskedGenerator:
    """An untrained model whose weights are large enough that text and tokens clearly matter."""
    torch.manual_seed(seed)
    model = MaskedGenerator(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.5)
    if config.codebook_tied:
        assert config.code_dim is not None
        model.set_codebook(torch.randn(config.codebook_size, config.code_dim))
    return model.eval()


def make_text(rows: int, seed: int = 0, config: GeneratorConfig = TEST_CONFIG) -> tuple[Tensor, Tensor]:
    """Random text features [rows, max_text, text_dim] with masks of 1 to max_text real tokens."""
    generator = torch.Generator().manual_seed(seed)
    text = torch.randn(rows, config.max_text, config.text_dim, generator=generator)
    lengths = torch.randint(1, config.max_text + 1, (rows, 1), generator=generator)
    return text, torch.arange(config.max_text) < lengths


@pytest.fixture(scope="session")
def model() -> MaskedGenerator:
    """The small model with free embeddings; tests must not change it."""
    return make_model()
