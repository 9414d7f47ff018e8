from __future__ import annotations

import math

import pytest
import torch

from pairsmith.generators.autoregressive import (
    AutoregressiveConfig,
    AutoregressiveGenerator,
    AutoregressiveSamplingSettings,
    AutoregressiveSettings,
    autoregressive_loss,
)
from tests.generators.autoregressive.models import CONFIG, TIED, make_autoregressive
from tests.generators.conftest import make_text

TOKENS = torch.randint(0, 11, (8, 16), generator=torch.Generator().manual_seed(0))


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_the_loss_is_the_likelihood_of_each_token_given_those_before_it() -> None:
    model = make_autoregressive()
    text, text_mask = make_text(8)
    settings = AutoregressiveSettings(caption_dropout=0.0)
    loss, count, parts = autoregressive_loss(model, TOKENS, text, text_mask, settings, _generator())
    context = model.encode_text(text, text_mask)
    expected, right = 0.0, 0
    for place in range(16):  # each token by itself, from no more than what is drawn before it
        inputs = torch.cat((torch.full((8, 1), 11), TOKENS[:, :place]), dim=1)
        likely = model(inputs, context)[:, -1].log_softmax(-1)
        expected -= float(likely.detach().gather(1, TOKENS[:, place, None]).sum())
        right += int((likely.argmax(-1) == TOKENS[:, place]).sum())
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    assert count == 8 * 16
    assert parts["cross_entropy"][0].item() == pytest.approx(expected, rel=1e-5)
    assert float(parts["accuracy"][0]) == right


def test_label_smoothing_is_off_by_default_and_spreads_its_mass_evenly() -> None:
    assert AutoregressiveSettings().label_smoothing == 0
    model = make_autoregressive()
    text, text_mask = make_text(8)
    settings = AutoregressiveSettings(caption_dropout=0.0, label_smoothing=0.2)
    loss, _, parts = autoregressive_loss(model, TOKENS, text, text_mask, settings, _generator())
    logits = model(model.shifted(TOKENS), model.encode_text(text, text_mask))
    expected = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), TOKENS.flatten(), reduction="sum", label_smoothing=0.2
    )
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert not math.isclose(parts["cross_entropy"][0].item(), loss.item(), rel_tol=1e-3)


@pytest.mark.parametrize(("probability", "expected"), [(0.0, 0), (1.0, 8)])
def test_captions_are_dropped_as_often_as_asked(probability: float, expected: int) -> None:
    model = make_autoregressive()
    text, text_mask = make_text(8)
    settings = AutoregressiveSettings(caption_dropout=probability)
    loss, _, parts = autoregressive_loss(model, TOKENS, text, text_mask, settings, _generator())
    assert float(parts["captions_dropped"][0]) == expected
    other, _, _ = autoregressive_loss(model, TOKENS, text.flip(0), text_mask.flip(0), settings, _generator())
    assert torch.allclose(loss, other, rtol=1e-6) == (probability == 1.0)  # a dropped caption has no influence


@pytest.mark.parametrize("config", [CONFIG, TIED])
def test_eight_pairs_are_learned_and_painted(config: AutoregressiveConfig) -> None:
    torch.manual_seed(0)
    model = AutoregressiveGenerator(config.model_copy(update={"width": 32, "mlp_width": 64}))
    generator = _generator()
    if config.codebook_tied:
        model.set_codebook(torch.randn(11, 5, generator=generator))
    text, text_mask = make_text(8)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    batch = torch.arange(8).repeat(2)
    for _ in range(250):
        loss, count, _ = autoregressive_loss(
            model, TOKENS[batch], text[batch], text_mask[batch], AutoregressiveSettings(), generator
        )
        optimizer.zero_grad()
        (loss / count).backward()
        optimizer.step()
    rows = torch.arange(8).repeat(2)
    painted = model.draw(text[rows], text_mask[rows], AutoregressiveSamplingSettings(guidance=2.0), range(16))
    assert float((painted == TOKENS[rows]).float().mean()) > 0.9  # by chance 1 in 11
