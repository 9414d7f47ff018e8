from __future__ import annotations

import torch

from pairsmith.tokenizer.config import DiscriminatorConfig, TokenizerLossConfig
from pairsmith.tokenizer.discriminator import PatchDiscriminator
from pairsmith.training.tasks.tokenizer import TokenizerTask
from tests.stages.models import make_tokenizer

PIXELS = {
    "pixels": torch.randint(0, 256, (4, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
}


def test_bytes_become_pixels_between_0_and_1() -> None:
    task = TokenizerTask(make_tokenizer(), TokenizerLossConfig(adversarial_weight=0.0))
    assert task.phases == ("tokenizer",)
    pixels = task.prepare(PIXELS, torch.device("cpu"))
    assert torch.equal(pixels, PIXELS["pixels"].float() / 255)


def test_the_codebook_rests_while_the_autoencoder_learns_alone() -> None:
    model = make_tokenizer().train()
    task = TokenizerTask(model, TokenizerLossConfig(adversarial_weight=0.0), autoencoder_steps=2)
    pixels = task.prepare(PIXELS, torch.device("cpu"))
    before = model.codebook.clone()
    loss = task.loss(pixels, "tokenizer", 1, torch.Generator())
    assert torch.equal(model.codebook, before)
    assert "commitment" not in loss.parts
    loss = task.loss(pixels, "tokenizer", 2, torch.Generator())
    assert not torch.equal(model.codebook, before)
    assert "commitment" in loss.parts


def test_the_discriminators_phase_moves_neither_tokenizer_nor_codes() -> None:
    model = make_tokenizer().train()
    losses = TokenizerLossConfig(adversarial_weight=0.1, discriminator_start=3, adversarial_start=5)
    discriminator = PatchDiscriminator(DiscriminatorConfig(channels=8, levels=2, norm_groups=4))
    task = TokenizerTask(model, losses, discriminator)
    pixels = task.prepare(PIXELS, torch.device("cpu"))
    assert not task.active("discriminator", 2)
    assert task.active("discriminator", 3)
    before = model.codebook.clone()
    loss = task.loss(pixels, "discriminator", 4, torch.Generator())
    loss.sum.backward()
    assert torch.equal(model.codebook, before)
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert any(parameter.grad is not None for parameter in discriminator.parameters())


def test_the_discriminator_judges_the_pictures_that_the_decoder_makes_in_this_step() -> None:
    model = make_tokenizer().train()
    losses = TokenizerLossConfig(adversarial_weight=0.1, discriminator_start=0, adversarial_start=0)
    discriminator = PatchDiscriminator(DiscriminatorConfig(channels=8, levels=2, norm_groups=4))
    task = TokenizerTask(model, losses, discriminator, autoencoder_steps=2)
    pixels = task.prepare(PIXELS, torch.device("cpu"))
    judged = []
    task.criterion.discriminator_loss = lambda judge, made, real, step: (judged.append(made) or made.mean(), {})
    for step in (1, 2):
        task.loss(pixels, "discriminator", step, torch.Generator())
    with torch.no_grad():
        model.eval()
        assert torch.equal(judged[0], model(pixels, quantize=False).reconstruction)
        assert torch.equal(judged[1], model(pixels).reconstruction)
    assert not torch.equal(*judged)
