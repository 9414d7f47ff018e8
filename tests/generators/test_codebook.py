"""The tied codebook: whitening, and codes that share what they have in common."""

from __future__ import annotations

import pytest
import torch

from pairsmith.errors import InputError
from pairsmith.generators import MaskedGenerator
from pairsmith.generators.codebook import whiten
from tests.generators.conftest import TEST_CONFIG, TIED_CONFIG, make_model, make_text


def test_whitening_gives_unit_variance_on_uncorrelated_axes() -> None:
    generator = torch.Generator().manual_seed(0)
    stretched = torch.randn(400, 6, generator=generator) @ torch.randn(6, 6, generator=generator) + 7
    white = whiten(stretched, floor=1e-9)
    assert torch.allclose(white.mean(dim=0), torch.zeros(6), atol=1e-5)
    assert torch.allclose(white.T @ white / 400, torch.eye(6), atol=1e-4)


def test_floor_keeps_rounding_noise_small() -> None:
    generator = torch.Generator().manual_seed(0)
    flat = torch.randn(400, 3, generator=generator)
    flat[:, 2] *= 1e-6
    variances = whiten(flat, floor=1e-4).var(dim=0)
    assert variances.sort().values[0] < 1e-6
    assert variances.sort().values[1] == pytest.approx(1, rel=0.01)


def test_bad_codebooks_are_named() -> None:
    with pytest.raises(InputError, match="equal"):
        whiten(torch.ones(10, 4))
    with pytest.raises(InputError, match="finite"):
        whiten(torch.full((10, 4), torch.nan))
    with pytest.raises(InputError, match="shape"):
        MaskedGenerator(TIED_CONFIG).set_codebook(torch.randn(11, 6))
    with pytest.raises(InputError, match="codebook_tied"):
        MaskedGenerator(TEST_CONFIG).set_codebook(torch.randn(11, 5))


def test_a_tied_generator_without_codebook_says_so() -> None:
    model = MaskedGenerator(TIED_CONFIG)
    with pytest.raises(InputError, match="set_codebook"):
        model(torch.zeros(1, 16, dtype=torch.int64), model.encode_text(*make_text(1)))


@pytest.mark.parametrize("residual", [False, True])
def test_at_the_start_codes_differ_only_by_their_vectors(residual: bool) -> None:
    torch.manual_seed(0)
    model = MaskedGenerator(TIED_CONFIG.model_copy(update={"codebook_residual": residual})).eval()
    vectors = torch.randn(11, 5)
    vectors[7] = vectors[2]  # twins
    model.set_codebook(vectors)
    context = model.encode_text(*make_text(1))
    tokens = torch.full((1, 16), 11)
    tokens[0, 3] = 2
    twin = tokens.clone()
    twin[0, 3] = 7
    logits = model(tokens, context)
    assert torch.allclose(model(twin, context), logits, atol=1e-6)
    assert torch.allclose(logits[..., 2], logits[..., 7], atol=1e-6)
    assert not torch.allclose(logits[..., 2], logits[..., 3], atol=1e-4)


def test_without_residual_a_code_never_seen_moves_with_its_neighbours() -> None:
    torch.manual_seed(0)
    model = MaskedGenerator(TIED_CONFIG.model_copy(update={"codebook_residual": False, "dropout": 0.0}))
    vectors = torch.randn(11, 5)
    vectors[7] = vectors[2] + 0.01
    model.set_codebook(vectors)
    context = model.encode_text(*make_text(1))
    optimizer = torch.optim.SGD(model.head.parameters(), lr=1.0)
    tokens = torch.full((1, 16), 11)
    loss = -model(tokens, context).log_softmax(-1)[..., 2].mean()
    before = model(tokens, context)[..., 7].mean()
    loss.backward()
    optimizer.step()
    assert model(tokens, context)[..., 7].mean() > before


def test_mask_differs_from_every_code() -> None:
    model = make_model(TIED_CONFIG)
    context = model.encode_text(*make_text(1))
    masked = torch.full((1, 16), model.mask_id)
    for code in range(11):
        assert not torch.allclose(model(masked.index_fill(1, torch.tensor(0), code), context), model(masked, context))
