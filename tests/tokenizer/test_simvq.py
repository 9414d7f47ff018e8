from __future__ import annotations

import torch

from pairsmith.tokenizer.simvq import SimVQQuantizer
from tests.tokenizer.conftest import small_config


def build() -> SimVQQuantizer:
    return SimVQQuantizer(small_config(quantizer="simvq"), torch.Generator().manual_seed(0))


def test_the_codebook_is_the_frozen_basis_through_the_learned_map() -> None:
    quantizer = build()
    with torch.no_grad():
        quantizer.weight.copy_(torch.randn(6, 6))
    assert torch.allclose(quantizer.codebook, quantizer.basis @ quantizer.weight.T)
    assert [name for name, _ in quantizer.named_parameters()] == ["weight"]


def test_one_step_on_few_codes_moves_all_codes() -> None:
    quantizer = build()
    before = quantizer.codebook.detach().clone()
    out = quantizer(torch.randn(2, 6, generator=torch.Generator().manual_seed(1)))
    out.losses["codebook"].backward()
    with torch.no_grad():
        quantizer.weight -= quantizer.weight.grad
    assert (quantizer.codebook != before).any(1).all()


def test_beta_weighs_the_commitment_term() -> None:
    out = build()(torch.randn(5, 6, generator=torch.Generator().manual_seed(2)))
    assert torch.allclose(out.losses["commitment"], 0.25 * out.losses["codebook"])
