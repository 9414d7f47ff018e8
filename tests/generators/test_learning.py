"""The parts together: trained on a handful of pairs, the generator paints what the caption asks for."""

from __future__ import annotations

import pytest
import torch

from pairsmith.generators import (
    GeneratorConfig,
    MaskedGenerator,
    MaskingSettings,
    SamplingSettings,
    masked_loss,
    sample,
)
from tests.generators.conftest import TEST_CONFIG, TIED_CONFIG


@pytest.mark.parametrize("config", [TEST_CONFIG, TIED_CONFIG])
def test_four_pairs_are_learned_and_painted(config: GeneratorConfig) -> None:
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    model = MaskedGenerator(config.model_copy(update={"width": 32, "mlp_width": 64, "dropout": 0.0}))
    if config.codebook_tied:
        model.set_codebook(torch.randn(11, 5, generator=generator))
    text = torch.randn(4, 6, 12, generator=generator)
    text_mask = torch.arange(6) < torch.tensor([[2], [4], [6], [3]])
    tokens = torch.randint(0, 11, (4, 16), generator=generator)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    settings = MaskingSettings(label_smoothing=0.0)
    batch = torch.arange(4).repeat(8)
    for _ in range(150):
        loss, count, _ = masked_loss(model, tokens[batch], text[batch], text_mask[batch], settings, generator)
        optimizer.zero_grad()
        (loss / count).backward()
        optimizer.step()
    rows = torch.arange(4).repeat(4)
    painted = sample(model, text[rows], text_mask[rows], SamplingSettings(steps=4, guidance=2.0), range(16))
    assert float((painted == tokens[rows]).float().mean()) > 0.8  # by chance 1 in 11
