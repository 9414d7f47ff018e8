from __future__ import annotations

import math

import pytest
import torch

from pairsmith.generators.flow import FlowSettings, flow_loss
from pairsmith.generators.flow.objective import draw_levels
from tests.generators.conftest import make_text
from tests.generators.flow.models import CONFIG, make_flow


def test_noise_levels_are_logit_normal() -> None:
    settings = FlowSettings(level_mean=0.5, level_std=1.5)
    levels = draw_levels(20_000, settings, torch.Generator().manual_seed(0))
    assert 0 < float(levels.min()) < 0.01 < 0.99 < float(levels.max()) < 1
    logits = torch.logit(levels.double())
    assert float(logits.mean()) == pytest.approx(0.5, abs=0.03)
    assert float(logits.std()) == pytest.approx(1.5, abs=0.03)


def test_a_model_that_knows_the_velocity_has_no_loss() -> None:
    """A fake model is given the noise and the clean latents; any other sign or mixture would leave an error."""

    class Knowing:
        def __init__(self) -> None:
            self.real = make_flow()
            self.config = self.real.config
            self.seen: list[torch.Tensor] = []

        def latents(self, tokens):
            self.clean = self.real.latents(tokens)
            return self.clean

        def encode_text(self, text, text_mask, drop):
            return None

        def __call__(self, noisy, levels, context):
            noise = (noisy - (1 - levels[:, None, None]) * self.clean) / levels[:, None, None]
            self.seen.append(noise)
            return noise - self.clean

    model = Knowing()
    tokens = torch.randint(0, 11, (64, 16), generator=torch.Generator().manual_seed(0))
    loss, count, parts = flow_loss(model, tokens, *make_text(64), FlowSettings(), torch.Generator().manual_seed(1))
    assert count == 64 * 16 * 5
    assert float(loss / count) < 1e-6
    assert float(model.seen[0].std()) == pytest.approx(1, abs=0.05)
    assert parts["error_low"][1] + parts["error_high"][1] == count


def test_the_loss_is_the_sum_of_its_parts_and_fixed_by_the_seed() -> None:
    model = make_flow()
    text, text_mask = make_text(8)
    tokens = torch.randint(0, 11, (8, 16), generator=torch.Generator().manual_seed(0))
    settings = FlowSettings(caption_dropout=0.0)
    first, count, parts = flow_loss(model, tokens, text, text_mask, settings, torch.Generator().manual_seed(3))
    again, _, _ = flow_loss(model, tokens, text, text_mask, settings, torch.Generator().manual_seed(3))
    assert torch.equal(first, again)
    assert float(parts["error_low"][0] + parts["error_high"][0]) == pytest.approx(first.item(), rel=1e-5)
    assert count == 8 * 16 * 5


def test_predicted_codes_are_told_apart_by_their_probabilities() -> None:
    """A model that gives all codes one probability loses log K a code; one that knows them, nothing."""
    model = make_flow(CONFIG.model_copy(update={"prediction": "codes"}))
    text, text_mask = make_text(8)
    tokens = torch.randint(0, 11, (8, 16), generator=torch.Generator().manual_seed(0))

    def loss_of(logits: torch.Tensor) -> float:
        model.code_logits = lambda *_: logits  # type: ignore[method-assign]
        total, count, parts = flow_loss(
            model, tokens, text, text_mask, FlowSettings(), torch.Generator().manual_seed(3)
        )
        assert count == 8 * 16 == parts["error_low"][1] + parts["error_high"][1]
        return float(total / count)

    assert loss_of(torch.zeros(8, 16, 11)) == pytest.approx(math.log(11))
    assert loss_of(100 * torch.nn.functional.one_hot(tokens, 11).float()) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(("probability", "expected"), [(0.0, 0), (1.0, 8)])
def test_captions_are_dropped_as_often_as_asked(probability: float, expected: int) -> None:
    model = make_flow()
    text, text_mask = make_text(8)
    tokens = torch.zeros(8, 16, dtype=torch.long)
    settings = FlowSettings(caption_dropout=probability)
    loss, _, parts = flow_loss(model, tokens, text, text_mask, settings, torch.Generator().manual_seed(0))
    assert float(parts["captions_dropped"][0]) == expected
    other, _, _ = flow_loss(model, tokens, text.flip(0), text_mask.flip(0), settings, torch.Generator().manual_seed(0))
    assert torch.equal(loss, other) == (probability == 1.0)  # a dropped caption has no influence
