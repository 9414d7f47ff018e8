from __future__ import annotations

import pytest
import torch

from pairsmith.tokenizer import quantization
from pairsmith.tokenizer.config import TokenizerConfig
from pairsmith.tokenizer.quantization import entropy_penalty, nearest_code, straight_through
from pairsmith.tokenizer.quantizers import build_quantizer


def test_nearest_code_agrees_with_distances_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(3, 7, 5, generator=generator)
    codebook = torch.randn(11, 5, generator=generator)
    expected = (latents[:, :, None] - codebook).square().sum(-1).argmin(-1)
    assert torch.equal(nearest_code(latents, codebook), expected)
    monkeypatch.setattr(quantization, "_CHUNK_ELEMENTS", 22)  # two rows at a time
    assert torch.equal(nearest_code(latents, codebook), expected)


def test_bfloat16_autocast_does_not_change_the_nearest_code() -> None:
    generator = torch.Generator().manual_seed(1)
    latents = torch.randn(2000, 16, generator=generator)
    codebook = torch.randn(512, 16, generator=generator)
    plain = nearest_code(latents, codebook)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under_autocast = nearest_code(latents, codebook)
        careless = (codebook.square().sum(-1) - 2 * latents @ codebook.T).argmin(-1)
    assert torch.equal(under_autocast, plain)
    assert not torch.equal(careless, plain), "the case is too easy to show anything"


def test_straight_through_has_the_codes_values_bit_for_bit_and_the_latents_gradient() -> None:
    generator = torch.Generator().manual_seed(2)
    latents = (1e4 * torch.randn(4, 3, generator=generator)).requires_grad_()
    codes = torch.randn(4, 3, generator=generator).requires_grad_()
    result = straight_through(latents, codes)
    assert torch.equal(result, codes)
    weights = torch.randn(4, 3, generator=generator)
    (result * weights).sum().backward()
    assert latents.grad is not None
    assert torch.equal(latents.grad, weights)
    assert codes.grad is None


def test_entropy_penalty_at_its_two_ends() -> None:
    """Certain and evenly spread choices: -log K. All on one code, certainly: 0."""
    codebook = 10.0 * torch.eye(4)
    assert entropy_penalty(codebook, codebook, 0.01).item() == pytest.approx(-torch.tensor(4.0).log().item(), rel=1e-5)
    assert entropy_penalty(codebook[:1].expand(8, 4), codebook, 0.01).item() == pytest.approx(0.0, abs=1e-5)


def test_every_quantiser_keeps_the_contract(any_config: TokenizerConfig) -> None:
    quantizer = build_quantizer(any_config, torch.Generator().manual_seed(0)).eval()
    latents = torch.randn(2, 5, 6, generator=torch.Generator().manual_seed(3), requires_grad=True)
    out = quantizer(latents)
    assert out.tokens.shape == (2, 5)
    assert out.tokens.dtype == torch.int64
    assert out.embedding.dtype == torch.float32
    assert quantizer.codebook.shape == (24, 6)
    assert torch.equal(out.embedding, quantizer.lookup(out.tokens))
    assert torch.equal(out.embedding, quantizer.codebook[out.tokens])
    assert torch.equal(out.tokens, quantizer.tokenize(latents))
    out.embedding.sum().backward()
    assert latents.grad is not None
    assert latents.grad.abs().sum() > 0


def test_every_quantiser_gives_the_same_tokens_under_autocast(any_config: TokenizerConfig) -> None:
    quantizer = build_quantizer(any_config, torch.Generator().manual_seed(0)).eval()
    latents = torch.randn(500, 6, generator=torch.Generator().manual_seed(4))
    plain = quantizer(latents)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = quantizer(latents)
    assert torch.equal(mixed.tokens, plain.tokens)
    assert torch.equal(mixed.embedding, plain.embedding)


@pytest.mark.parametrize("name", ["vq-ema", "vq", "simvq"])
def test_the_entropy_term_is_there_only_when_asked_for(name: str) -> None:
    from tests.tokenizer.conftest import small_config

    latents = torch.randn(9, 6)
    plain = build_quantizer(small_config(quantizer=name), torch.Generator()).eval()(latents)
    assert "entropy" not in plain.losses
    asked = build_quantizer(small_config(quantizer=name, entropy_weight=0.5), torch.Generator()).eval()
    expected = 0.5 * entropy_penalty(latents, asked.codebook, 0.01)
    assert torch.allclose(asked(latents).losses["entropy"], expected)
