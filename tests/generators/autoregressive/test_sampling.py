"""Drawing token by token: the cache changes nothing, rows are alone, guidance follows its formulas."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from pairsmith.errors import InputError
from pairsmith.generators.autoregressive import (
    AutoregressiveConfig,
    AutoregressiveGenerator,
    AutoregressiveSamplingSettings,
    sample_raster,
)
from tests.generators.autoregressive.models import CONFIG, TIED, make_autoregressive
from tests.generators.conftest import make_text


def _settings(**changes: Any) -> AutoregressiveSamplingSettings:
    return AutoregressiveSamplingSettings(**{"guidance": 3.0, "top_k": None, "block_rows": 4, **changes})


@pytest.mark.parametrize("config", [CONFIG, TIED])
@pytest.mark.parametrize("schedule", ["constant", "linear"])
@pytest.mark.parametrize("guidance", [0.0, 1.0, 3.0])
def test_drawing_with_the_cache_equals_drawing_without(
    config: AutoregressiveConfig, schedule: Any, guidance: float
) -> None:
    model = make_autoregressive(config)
    text, text_mask = make_text(6)
    settings = _settings(guidance=guidance, guidance_schedule=schedule)
    cached = sample_raster(model, text, text_mask, settings, range(6))
    assert torch.equal(cached, sample_raster(model, text, text_mask, settings, range(6), cached=False))
    assert torch.equal(cached, model.draw(text, text_mask, settings, range(6)))
    assert cached.dtype == torch.int64
    assert 0 <= int(cached.min()) <= int(cached.max()) < 11


@pytest.mark.parametrize("config", [CONFIG, TIED])
@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_a_row_is_bitwise_the_same_in_any_batch(config: AutoregressiveConfig, guidance: float) -> None:
    model = make_autoregressive(config)
    text, text_mask = make_text(7)
    settings = _settings(guidance=guidance, block_rows=16)
    seeds = [5, 6, 7, 8, 9, 10, 2**62]
    together = sample_raster(model, text, text_mask, settings, seeds)
    for row in range(7):
        length = int(text_mask[row].sum())  # less padding is no difference either
        alone = sample_raster(
            model, text[row : row + 1, :length], text_mask[row : row + 1, :length], settings, seeds[row : row + 1]
        )
        assert torch.equal(alone[0], together[row])
    again = sample_raster(model, text.flip(0), text_mask.flip(0), settings, seeds[::-1])
    assert torch.equal(again.flip(0), together)
    assert not torch.equal(sample_raster(model, text, text_mask, settings, seeds[::-1]), together)


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_logits_of_a_row_are_bitwise_the_same_anywhere_in_a_block(guidance: float) -> None:
    """Equal tokens could hide rounding; what is drawn from is compared here, token by token."""
    seen: list[torch.Tensor] = []

    class Recorder(AutoregressiveGenerator):
        def advance(self, *arguments: Any) -> torch.Tensor:
            seen.append(super().advance(*arguments))
            return seen[-1]

    model = Recorder(TIED).eval()
    model.load_state_dict(make_autoregressive(TIED).state_dict())
    text, text_mask = make_text(16)
    settings = _settings(guidance=guidance, block_rows=16)
    sample_raster(model, text, text_mask, settings, range(16))
    whole, seen[:] = list(seen), []
    order = torch.randperm(16, generator=torch.Generator().manual_seed(0))
    sample_raster(model, text[order], text_mask[order], settings, order.tolist())
    assert len(whole) == len(seen) == 16
    for first, second in zip(whole, seen, strict=True):
        for half, other in zip(first.split(16), second.split(16), strict=True):
            assert torch.equal(half[order], other)


def test_guidance_follows_the_formula_and_none_is_the_caption_alone() -> None:
    model = make_autoregressive()
    text, text_mask = make_text(5)
    seeds = range(5)
    draw = {
        (formula, scale): sample_raster(
            model, text, text_mask, _settings(guidance=scale, guidance_formula=formula), seeds
        )
        for formula, scale in (("diffusers", 0.0), ("diffusers", 1.0), ("diffusers", 4.0), ("muse", 0.0), ("muse", 3.0))
    }
    assert torch.equal(draw["diffusers", 1.0], draw["muse", 0.0])
    assert torch.equal(draw["diffusers", 4.0], draw["muse", 3.0])
    assert not torch.equal(draw["diffusers", 4.0], draw["diffusers", 1.0])
    other = sample_raster(model, text.flip(0), text_mask.flip(0), _settings(guidance=0.0), seeds)
    assert torch.equal(other, draw["diffusers", 0.0])  # at 0 the caption has no influence
    # The first token, greedily, by hand.
    greedy = sample_raster(model, text, text_mask, _settings(guidance=4.0, top_k=1), seeds)
    start = torch.full((5, 1), 11)
    cond, null = (
        model(start, context)[:, 0] for context in (model.encode_text(text, text_mask), model.null_context(5, 6))
    )
    assert torch.equal(greedy[:, 0], (4 * cond - 3 * null).argmax(dim=-1))
    ramp = sample_raster(model, text, text_mask, _settings(guidance=4.0, guidance_schedule="linear"), seeds)
    assert torch.equal(ramp[:, 0], draw["diffusers", 1.0][:, 0])  # a ramp begins without guidance
    assert not torch.equal(ramp, draw["diffusers", 1.0])


def test_tokens_follow_the_models_distribution() -> None:
    model = make_autoregressive()
    text, text_mask = make_text(1)
    settings = _settings(guidance=1.0, block_rows=500)
    tokens = sample_raster(model, text.expand(2000, -1, -1), text_mask.expand(2000, -1), settings, range(2000))
    context = model.encode_text(text, text_mask)
    first = model(torch.tensor([[11]]), context)[0, 0].softmax(-1)
    drawn = torch.bincount(tokens[:, 0], minlength=11) / 2000
    assert (drawn - first).abs().max() < 0.05
    code = int(drawn.argmax())
    second = model(torch.tensor([[11, code]]), context)[0, 1].softmax(-1)
    after = tokens[tokens[:, 0] == code, 1]
    assert (torch.bincount(after, minlength=11) / len(after) - second).abs().max() < 0.1


def test_cold_and_narrow_drawing_is_greedy() -> None:
    model = make_autoregressive()
    text, text_mask = make_text(3)
    settings = [_settings(**change) for change in ({"top_k": 1}, {"top_p": 1e-6}, {"temperature": 1e-4})]
    greedy, *others = (sample_raster(model, text, text_mask, setting, range(3)) for setting in settings)
    assert all(torch.equal(other, greedy) for other in others)


def test_global_randomness_and_the_mode_are_left_alone() -> None:
    model = make_autoregressive(CONFIG.model_copy(update={"dropout": 0.5}))
    text, text_mask = make_text(3)
    state = torch.get_rng_state()
    expected = sample_raster(model, text, text_mask, _settings(), range(3))
    model.train()
    assert torch.equal(sample_raster(model, text, text_mask, _settings(), range(3)), expected)
    assert model.training
    assert torch.equal(torch.get_rng_state(), state)


def test_what_does_not_fit_is_refused() -> None:
    model = make_autoregressive()
    text, text_mask = make_text(3)
    with pytest.raises(InputError, match="2 seeds for 3 captions"):
        sample_raster(model, text, text_mask, _settings(), [1, 2])
    assert sample_raster(model, text[:0], text_mask[:0], _settings(), []).shape == (0, 16)
    for wrong in ({"temperature": 0}, {"top_k": 0}, {"top_p": 1.5}, {"guidance": -1}, {"steps": 4}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            _settings(**wrong)
    with torch.no_grad():
        model.output_norm.weight.fill_(torch.nan)
    with pytest.raises(InputError, match="not finite"):
        sample_raster(model, text, text_mask, _settings(), [1, 2, 3])


def test_defaults_are_those_of_llamagens_program() -> None:
    defaults = AutoregressiveSamplingSettings()
    assert (defaults.guidance, defaults.guidance_formula, defaults.guidance_schedule) == (7.5, "diffusers", "constant")
    assert (defaults.temperature, defaults.top_k, defaults.top_p) == (1.0, 1000, None)
