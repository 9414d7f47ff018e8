"""Masked decoding: every position committed once, known tokens kept, rows independent of their batch."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import torch

from pairsmith.errors import InputError
from pairsmith.generators import MaskedGenerator, SamplingSettings, sample
from pairsmith.generators.orders import Order
from pairsmith.generators.sampling import DecodeState, sample_states
from pairsmith.generators.schedules import commit_counts
from tests.generators.conftest import make_model, make_text
from tests.generators.watchers import make_settings, recorder_of

ORDERS = get_args(Order)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("schedule", ["cosine", "linear", "arccos"])
@pytest.mark.parametrize(
    "guidance", [(0.0, "muse", "constant"), (4.0, "muse", "linear"), (5.0, "diffusers", "constant")]
)
def test_each_position_is_committed_exactly_once(
    model: MaskedGenerator, seed: int, order: Order, schedule: Any, guidance: tuple[float, Any, Any]
) -> None:
    scale, formula, ramp = guidance
    settings = make_settings(
        order=order, schedule=schedule, guidance=scale, guidance_formula=formula, guidance_schedule=ramp
    )
    text, text_mask = make_text(3, seed)
    recorder = recorder_of(model)
    state = sample_states(recorder, text, text_mask, settings, [seed, seed + 10, seed + 20])
    counts = torch.stack([torch.bincount(row, minlength=6) for row in state.committed_at])  # fails on PENDING, KNOWN
    assert counts.tolist() == [list(commit_counts(16, 6, schedule))] * 3
    assert int(state.tokens.min()) >= 0
    assert int(state.tokens.max()) < model.mask_id
    # What was committed at a step is what the model is shown ever after: nothing is re-masked or revised.
    for step, shown in enumerate(recorder.inputs):
        expected = torch.where(state.committed_at < step, state.tokens, model.mask_id)
        assert torch.equal(shown[:3], expected)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("steps", [1, 15, 16, 17, 100])
def test_any_number_of_steps(model: MaskedGenerator, order: Order, steps: int) -> None:
    text, text_mask = make_text(2)
    state = sample_states(model, text, text_mask, make_settings(order=order, steps=steps), [1, 2])
    assert sorted(set(state.committed_at.flatten().tolist())) == list(range(min(steps, 16)))
    assert int(state.tokens.max()) < model.mask_id


@pytest.mark.parametrize("order", ORDERS)
def test_seeds_make_the_variety(model: MaskedGenerator, order: Order) -> None:
    text, text_mask = make_text(1)
    tokens = sample(
        model, text.repeat(8, 1, 1), text_mask.repeat(8, 1), make_settings(order=order), [1, 1, 2, 3, 4, 5, 6, 7]
    )
    assert torch.equal(tokens[0], tokens[1])
    assert len({tuple(row) for row in tokens.tolist()}) == 7


def test_global_randomness_and_inputs_are_left_alone(model: MaskedGenerator) -> None:
    text, text_mask = make_text(3)
    known = torch.full((3, 16), model.mask_id)
    known[:, 2] = 5
    before = text.clone(), text_mask.clone(), known.clone()
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first = sample(model, text, text_mask, make_settings(), [1, 2, 3], known)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(*pair) for pair in zip(before, (text, text_mask, known), strict=True))
    assert torch.equal(first, sample(model, text, text_mask, make_settings(), [1, 2, 3], known))


@pytest.mark.parametrize("order", ORDERS)
def test_known_tokens_stay_and_rows_may_have_different_numbers_of_them(model: MaskedGenerator, order: Order) -> None:
    text, text_mask = make_text(5)
    known = torch.randint(0, 11, (5, 16), generator=torch.Generator().manual_seed(0))
    for row, unknown in enumerate((16, 11, 3, 1, 0)):
        hidden = torch.randperm(16, generator=torch.Generator().manual_seed(row))[:unknown]
        known[row, hidden] = model.mask_id
    state = sample_states(model, text, text_mask, make_settings(order=order), [1, 2, 3, 4, 5], known)
    given = known != model.mask_id
    assert torch.equal(state.tokens[given], known[given])
    assert torch.equal(state.committed_at == DecodeState.KNOWN, given)
    assert (state.committed_at[~given] >= 0).all()
    assert int(state.tokens.max()) < model.mask_id
    for row, unknown in enumerate((16, 11)):
        steps = torch.bincount(state.committed_at[row][~given[row]], minlength=6)
        assert tuple(steps.tolist()) == commit_counts(unknown, 6, "cosine")
    assert sorted(state.committed_at[2][~given[2]].tolist()) == [3, 4, 5]
    # Neighbours with other numbers of known tokens change nothing.
    alone = sample(model, text[1:2], text_mask[1:2], make_settings(order=order), [2], known[1:2])
    assert torch.equal(alone[0], state.tokens[1])
    without = sample(model, text[:1], text_mask[:1], make_settings(order=order), [1])
    assert torch.equal(without[0], state.tokens[0])


@pytest.mark.parametrize("order", ORDERS)
def test_skipping_the_null_branch_changes_nothing(model: MaskedGenerator, order: Order) -> None:
    text, text_mask = make_text(4)
    skipped = sample(model, text, text_mask, make_settings(order=order, guidance=0.0), range(4))
    # A weight that is no longer 0 but far below rounding runs the null branch at every step.
    computed_settings = make_settings(order=order, guidance=1e-30, guidance_schedule="constant")
    assert torch.equal(sample(model, text, text_mask, computed_settings, range(4)), skipped)


def test_guidance_uses_the_null_context(model: MaskedGenerator) -> None:
    text, text_mask = make_text(4)
    settings = make_settings(steps=1, order="random", top_k=1, guidance=3.0, guidance_schedule="constant")
    tokens = sample(model, text, text_mask, settings, range(4))
    masked = torch.full((4, 16), model.mask_id)
    cond = model(masked, model.encode_text(text, text_mask))
    null = model(masked, model.encode_text(text, text_mask, torch.ones(4, dtype=torch.bool)))
    assert torch.equal(tokens, (4 * cond - 3 * null).argmax(dim=-1))


def test_choice_noise_reaches_the_choice_but_not_the_tokens(model: MaskedGenerator) -> None:
    text, text_mask = make_text(4)
    # With one step there is no choice, so even an absurd choice temperature leaves the tokens as they are.
    calm, wild = (make_settings(steps=1, choice_temperature=value) for value in (0.0, 1e6))
    assert torch.equal(sample(model, text, text_mask, calm, range(4)), sample(model, text, text_mask, wild, range(4)))
    calm, wild = (make_settings(steps=6, choice_temperature=value) for value in (0.0, 1e6))
    states = [sample_states(model, text, text_mask, settings, range(4)) for settings in (calm, wild)]
    assert not torch.equal(states[0].committed_at, states[1].committed_at)


def test_without_noise_the_most_confident_tokens_come_first(model: MaskedGenerator) -> None:
    text, text_mask = make_text(4)
    settings = make_settings(steps=2, choice_temperature=0.0, guidance=0.0, top_k=1)
    state = sample_states(model, text, text_mask, settings, range(4))
    masked = torch.full((4, 16), model.mask_id)
    best = model(masked, model.encode_text(text, text_mask)).log_softmax(-1).amax(-1)  # [4, 16]
    first = state.committed_at == 0
    lowest_taken = best.masked_fill(~first, torch.inf).amin(dim=1)
    highest_left = best.masked_fill(first, -torch.inf).amax(dim=1)
    assert (lowest_taken >= highest_left).all()


def test_tokens_follow_the_models_distribution(model: MaskedGenerator) -> None:
    text, text_mask = make_text(1)
    settings = make_settings(steps=1, order="random", guidance=0.0, block_rows=500)
    tokens = sample(model, text.expand(2000, -1, -1), text_mask.expand(2000, -1), settings, range(2000))
    expected = model(torch.full((1, 16), model.mask_id), model.encode_text(text, text_mask)).softmax(-1)[0]
    drawn = torch.nn.functional.one_hot(tokens, 11).double().mean(dim=0)  # [16, 11]
    assert (drawn - expected).abs().max() < 0.05


def test_dropout_is_off_and_the_mode_is_restored() -> None:
    model = make_model()
    text, text_mask = make_text(2)
    expected = sample(model, text, text_mask, make_settings(), [1, 2])
    model.train()
    assert torch.equal(sample(model, text, text_mask, make_settings(), [1, 2]), expected)
    assert model.training


def test_no_rows_give_no_tokens(model: MaskedGenerator) -> None:
    tokens = sample(model, torch.zeros(0, 6, 12), torch.zeros(0, 6, dtype=torch.bool), make_settings(), [])
    assert tokens.shape == (0, 16)


@pytest.mark.parametrize("order", ORDERS)
def test_a_diverged_model_is_reported_not_sampled(order: Order) -> None:
    model = make_model()
    with torch.no_grad():
        model.column_positions[2, 3] = torch.nan
    with pytest.raises(InputError, match="finite"):
        sample(model, *make_text(2), make_settings(order=order), [1, 2])


def test_bad_inputs_are_named(model: MaskedGenerator) -> None:
    text, text_mask = make_text(2)
    with pytest.raises(InputError, match="3 seeds for 2 captions"):
        sample(model, text, text_mask, make_settings(), [1, 2, 3])
    with pytest.raises(InputError, match="shape"):
        sample(model, text, text_mask, make_settings(), [1, 2], torch.zeros(2, 15, dtype=torch.int64))
    with pytest.raises(InputError, match="0 to 10"):
        sample(model, text, text_mask, make_settings(), [1, 2], torch.full((2, 16), 12))
    with pytest.raises(ValueError, match="order"):
        make_settings(order="confidance")


def test_defaults_are_the_papers() -> None:
    defaults = SamplingSettings()
    assert (defaults.steps, defaults.guidance, defaults.choice_temperature) == (24, 4.0, 32.5)
    assert (defaults.order, defaults.schedule, defaults.temperature) == ("confidence", "cosine", 1.0)
