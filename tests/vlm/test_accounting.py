"""Parameter counts of the presets against the paper's."""

from __future__ import annotations

import pytest
import torch

from pairsmith.tokenizer import PAPER
from pairsmith.vlm import PAPER_B, PAPER_L_PLUS, VisionLanguageModel, VLMConfig, chinchilla_400m, parameter_table
from tests.vlm.conftest import make_lm


@pytest.mark.parametrize(
    ("config", "paper"), [(PAPER_B, 632e6), (PAPER_L_PLUS, 890e6)], ids=["Table 4, ViT-B", "Table 9, ViT-L+"]
)
@pytest.mark.parametrize("with_pixels", [True, False])
def test_paper_presets_have_the_papers_size(config: VLMConfig, paper: float, with_pixels: bool) -> None:
    table = parameter_table(config, chinchilla_400m(), PAPER.model if with_pixels else None)
    assert sum(count for _, count in table) == pytest.approx(paper, rel=0.05)


def test_paper_parts_agree_with_arithmetic_by_hand() -> None:
    table = dict(parameter_table(PAPER_B, chinchilla_400m()))
    assert table["codebook"] == 8192 * 256
    assert table["language model embeddings"] == 32_000 * 1280
    block = 4 * 768 * 768 + 4 * 768 + 2 * 768 * 3072 + 3072 + 768 + 4 * 768
    assert table["VQ adapter"] == 256 * 768 + 768 + 2 * 16 * 768 + 12 * block + 2 * 768
    layer = (4 + 8) * 1024**2 + 3 * 2 * 1024
    assert table["resampler"] == 768 * 1024 + 1024 + 64 * 1024 + 6 * layer + 2 * 1024
    attention = 2 * 1280 * 512 + 2 * 1024 * 512 + 2 * 1280 + 1
    assert table["gated cross-attention"] == 18 * attention
    assert table["gated feed-forward"] == 18 * (2 * 1280 * 640 + 2 * 1280 + 1)
    assert 390e6 < table["language model embeddings"] + table["language model layers"] < 400e6
    wide = dict(parameter_table(PAPER_L_PLUS, chinchilla_400m()))
    assert wide["VQ adapter"] - table["VQ adapter"] == pytest.approx(890e6 - 632e6, rel=0.02)


def test_table_adds_up_to_the_model(config: VLMConfig, codebook: torch.Tensor) -> None:
    for tied in (True, False):
        lm = make_lm(tie_word_embeddings=tied)
        model = VisionLanguageModel(config, lm, codebook)
        table = parameter_table(config, lm.config)
        assert sum(count for _, count in table) == sum(map(torch.numel, model.parameters())) + codebook.numel()
        trained = sum(group.parameter.numel() for group in model.trainable_parameters())
        assert sum(count for part, count in table if not part.startswith(("language", "codebook"))) == trained
