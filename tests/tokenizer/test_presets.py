from __future__ import annotations

import torch

from pairsmith.tokenizer import MUSE, PAPER, TINY, VQTokenizer


def parameters(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_paper_preset_has_the_numbers_of_table_6() -> None:
    optimization, losses = PAPER.optimization, PAPER.losses
    assert (losses.perceptual_weight, losses.adversarial_weight) == (0.05, 0.01)
    assert PAPER.model.codebook_size == 8192
    assert (optimization.learning_rate, optimization.discriminator_learning_rate) == (1e-4, 1e-4)
    assert optimization.betas == (0.9, 0.99)
    assert (optimization.batch_size, optimization.warmup_steps, optimization.steps) == (256, 10_000, 500_000)
    assert optimization.decay == "cosine"


def test_muse_differs_from_paper_in_adversarial_weight_and_steps_only() -> None:
    assert MUSE.losses.adversarial_weight == 0.1
    assert MUSE.optimization.steps == 1_000_000
    assert MUSE.model == PAPER.model
    assert MUSE.losses.model_copy(update={"adversarial_weight": 0.01}) == PAPER.losses
    assert MUSE.optimization.model_copy(update={"steps": 500_000}) == PAPER.optimization


def test_parameters_of_the_paper_preset_on_the_meta_device() -> None:
    """MaskGIT's tokenizer, which this follows layer by layer, is known as a 54M network."""
    with torch.device("meta"):
        model = VQTokenizer(PAPER.model)
    assert parameters(model.encoder) == 23_611_264
    assert parameters(model.decoder) == 30_560_259
    assert model.codebook.shape == (8192, 256)
    assert all(tensor.is_meta for tensor in model.state_dict().values())


def test_tiny_preset_makes_sixteen_tokens_of_64_pixels() -> None:
    model = VQTokenizer(TINY.model).eval()
    tokens = model.encode(torch.rand(1, 3, 64, 64))
    assert tokens.shape == (1, 16)
    assert TINY.losses.edge_weight > 0
    assert TINY.losses.adversarial_weight == TINY.losses.perceptual_weight == 0
