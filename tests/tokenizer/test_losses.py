from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pairsmith.errors import InputError
from pairsmith.tokenizer import DiscriminatorConfig, TokenizerLossConfig, VQTokenizer
from pairsmith.tokenizer.adversarial import generator_loss
from pairsmith.tokenizer.discriminator import PatchDiscriminator
from pairsmith.tokenizer.losses import TokenizerLoss
from pairsmith.tokenizer.perceptual import RandomConvPyramid
from tests.tokenizer.conftest import small_config


@pytest.fixture
def model() -> VQTokenizer:
    return VQTokenizer(small_config(quantizer="vq"))


@pytest.fixture
def discriminator() -> PatchDiscriminator:
    return PatchDiscriminator(DiscriminatorConfig(channels=8, levels=2, norm_groups=4))


def loss_of(**changes: Any) -> TokenizerLoss:
    return TokenizerLoss.from_config(TokenizerLossConfig(**changes))


def without_gradient(module: nn.Module) -> bool:
    return all(parameter.grad is None for parameter in module.parameters())


def test_the_loss_is_the_weighted_sum_of_its_parts(model, discriminator, pixels: Tensor) -> None:
    loss = loss_of(
        reconstruction_weight=2.0,
        edge_weight=1.0,
        perceptual="random-pyramid",
        perceptual_weight=0.3,
        adversarial_weight=0.1,
    )
    total, parts = loss.tokenizer_loss(model(pixels), pixels, 0, discriminator)
    assert set(parts) == {
        "reconstruction",
        "perceptual",
        "adversarial",
        "adversarial_weight",
        "commitment",
        "codebook",
        "loss",
    }
    expected = (
        2.0 * parts["reconstruction"]
        + 0.3 * parts["perceptual"]
        + 0.1 * parts["adversarial"]
        + parts["commitment"]
        + parts["codebook"]
    )
    assert torch.allclose(total.detach(), expected)
    assert torch.equal(parts["loss"], total.detach())
    assert not any(part.requires_grad for part in parts.values())


def test_no_gradient_leaks_between_the_phases(model, discriminator, pixels: Tensor) -> None:
    loss = loss_of(perceptual="random-pyramid", adversarial_weight=0.1, adaptive=True, r1_weight=1.0)
    output = model(pixels)
    total, _ = loss.tokenizer_loss(output, pixels, 5, discriminator, model.last_weight)
    total.backward()
    assert not without_gradient(model.encoder)
    assert without_gradient(discriminator)
    assert without_gradient(loss)
    assert all(parameter.requires_grad for parameter in discriminator.parameters())

    model.zero_grad()
    total, _ = loss.discriminator_loss(discriminator, output.reconstruction, pixels, 5)
    total.backward()
    assert not without_gradient(discriminator)
    assert without_gradient(model)
    assert not pixels.requires_grad


def test_the_adversary_does_reach_the_tokenizer(model, discriminator, pixels: Tensor) -> None:
    loss = loss_of(reconstruction_weight=0.0, adversarial_weight=1.0)
    output = model.eval()(pixels)
    loss.tokenizer_loss(output, pixels, 0, discriminator)[0].backward()
    ours = model.last_weight.grad.clone()
    model.zero_grad()
    generator_loss(discriminator(model(pixels).reconstruction), "non-saturating").backward()
    assert torch.allclose(ours, model.last_weight.grad, atol=1e-7)


def test_the_discriminator_learns_first_and_its_weight_warms_up(model, discriminator, pixels: Tensor) -> None:
    loss = loss_of(adversarial_weight=0.1, discriminator_start=2, adversarial_start=4, adversarial_warmup=3)
    output = model(pixels)
    weights, learns = [], []
    for step in range(9):
        _, parts = loss.tokenizer_loss(output, pixels, step, discriminator)
        weights.append(float(parts.get("adversarial_weight", 0.0)))
        total, _ = loss.discriminator_loss(discriminator, output.reconstruction, pixels, step)
        learns.append(total.requires_grad)
    assert weights == pytest.approx([0, 0, 0, 0, 0.025, 0.05, 0.075, 0.1, 0.1])
    assert learns == [False] * 2 + [True] * 7


def test_before_its_start_the_discriminator_is_not_even_called(model, pixels: Tensor) -> None:
    class Untouchable(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            raise AssertionError("called")

    loss = loss_of(adversarial_weight=0.1, discriminator_start=3, adversarial_start=3)
    loss.tokenizer_loss(model(pixels), pixels, 2, Untouchable())
    total, parts = loss.discriminator_loss(Untouchable(), pixels, pixels, 2)
    assert total.item() == 0.0
    assert parts == {}


def test_adaptive_weight_is_capped_in_the_loss(model, discriminator, pixels: Tensor) -> None:
    with torch.no_grad():
        discriminator.head.weight.mul_(1e-6)  # it says next to nothing, so the ratio explodes
    loss = loss_of(adversarial_weight=0.1, adaptive=True, adaptive_cap=4.0)
    _, parts = loss.tokenizer_loss(model(pixels), pixels, 0, discriminator, model.last_weight)
    assert parts["adversarial_weight"].item() == pytest.approx(0.4)


def test_gradient_penalty_enters_at_half_its_weight(model, discriminator, pixels: Tensor) -> None:
    loss = loss_of(r1_weight=3.0)
    total, parts = loss.discriminator_loss(discriminator, pixels.flip(0), pixels, 0)
    assert parts["gradient_penalty"] > 0
    assert torch.allclose(total.detach(), parts["discriminator"] + 1.5 * parts["gradient_penalty"])


def test_evaluation_works_without_gradients(model, discriminator, pixels: Tensor) -> None:
    loss = loss_of(adaptive=True, r1_weight=1.0)
    with torch.no_grad():
        output = model.eval()(pixels)
        total, parts = loss.tokenizer_loss(output, pixels, 0, discriminator, model.last_weight)
        loss.discriminator_loss(discriminator, output.reconstruction, pixels, 0)
    assert torch.isfinite(total)
    assert parts["adversarial_weight"].item() == pytest.approx(0.01)


def test_what_is_missing_is_said(model, discriminator, pixels: Tensor) -> None:
    output = model(pixels)
    with pytest.raises(ValueError, match="needs the discriminator"):
        loss_of().tokenizer_loss(output, pixels, 0)
    with pytest.raises(ValueError, match="last layer"):
        loss_of(adaptive=True).tokenizer_loss(output, pixels, 0, discriminator)


def test_the_perceptual_net_is_built_from_its_name(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    assert loss_of(perceptual="none").perceptual is None
    assert loss_of(perceptual="vgg16", perceptual_weight=0.0).perceptual is None
    built = loss_of(perceptual="random-pyramid").perceptual
    assert built is not None
    assert isinstance(built.features, RandomConvPyramid)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(InputError, match="resnet50"):
        loss_of(perceptual="resnet50-logits")
