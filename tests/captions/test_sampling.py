"""Sampling: a row's text is its own, and draws follow the distribution asked for."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from pairsmith.captions.sampling import Continuation, SamplingSettings, draw_tokens, sample_continuations
from pairsmith.errors import InputError
from tests.captions.tiny import tiny_llama

VOCABULARY = 40
SETTINGS = SamplingSettings(temperature=1.0, top_p=0.9, max_new_tokens=12, block_rows=8, pad_multiple=4)
PROMPTS = [[1, *range(3, 3 + row % 6)] for row in range(21)]  # padded lengths 4 and 8, blocks not full


@pytest.fixture(scope="module")
def model():
    return tiny_llama(VOCABULARY)


def test_alone_and_in_any_batch_a_row_is_the_same(model) -> None:
    together = sample_continuations(model, PROMPTS, range(21), [2], SETTINGS)
    alone = [sample_continuations(model, [PROMPTS[row]], [row], [2], SETTINGS)[0] for row in range(21)]
    backwards = sample_continuations(model, PROMPTS[::-1], range(20, -1, -1), [2], SETTINGS)[::-1]
    assert together == alone == backwards
    assert len({tuple(row.tokens) for row in together}) > 15


class _Spy:
    """The model, and the logits of all its calls."""

    def __init__(self, model) -> None:
        self._model = model
        self.device, self.dtype, self.config, self.forward = model.device, model.dtype, model.config, model.forward
        self.logits: list[torch.Tensor] = []
        self.tokens = 0

    def __call__(self, ids, *args, **options):
        output = self._model(ids, *args, **options)
        self.logits.append(output.logits[:, -1])
        self.tokens += ids.numel()
        return output


def test_even_the_logits_are_the_same_bits(model) -> None:
    never = SETTINGS.model_copy(update={"max_new_tokens": 6})
    batch, single = _Spy(model), _Spy(model)
    sample_continuations(batch, [[1, 5, 6 + row] for row in range(8)], range(8), [], never)
    sample_continuations(single, [[1, 5, 9]], [3], [], never)
    assert len(batch.logits) == len(single.logits) == 3 + 5  # the last token is never read
    for together, alone in zip(batch.logits, single.logits, strict=True):
        assert torch.equal(together[3], alone[0])


def test_a_slot_that_is_free_begins_the_next_text_at_once(model) -> None:
    prompts, seeds = [[1, 4 + row % 9] for row in range(40)], range(40)
    spy = _Spy(model)
    made = sample_continuations(spy, prompts, seeds, [2, 7, 11], SETTINGS)
    read = [2 + len(row.tokens) - (not row.finished) for row in made]
    blocks = [max(read[start : start + 8]) for start in range(0, 40, 8)]
    assert len(spy.logits) < sum(blocks)
    assert len(spy.logits) <= sum(read) / 8 + max(read)


def test_a_shared_head_is_read_once_and_changes_nothing(model) -> None:
    greedy = SamplingSettings(temperature=0, max_new_tokens=10, block_rows=4, pad_multiple=16)
    head = [1, 9, 8, 7, 6, 5, 4, 3]
    prompts = [*([*head, 10 + row] for row in range(9)), [1, 9, 8, 20]]
    shared = [*(8 for _ in range(9)), 0]
    spy, plain = _Spy(model), _Spy(model)
    made = sample_continuations(spy, prompts, [0] * 10, [], greedy, shared)
    assert made == sample_continuations(plain, prompts, [0] * 10, [], greedy)
    assert spy.tokens < plain.tokens
    drawn = SETTINGS.model_copy(update={"block_rows": 4})
    together = sample_continuations(model, prompts, range(10), [2], drawn, shared)
    for row in range(10):
        assert sample_continuations(model, [prompts[row]], [row], [2], drawn, [shared[row]]) == [together[row]]


def test_models_that_cannot_write_in_slots_are_refused(model) -> None:
    class NoPositions(_Spy):
        def __init__(self, model) -> None:
            super().__init__(model)
            self.forward = lambda input_ids: None

    class ShortWindow(_Spy):
        def __init__(self, model) -> None:
            super().__init__(model)
            self.config = SimpleNamespace(sliding_window=8)

    for refused, message in ((NoPositions, "no positions"), (ShortWindow, "the last 8 only")):
        with pytest.raises(InputError, match=message):
            sample_continuations(refused(model), PROMPTS, range(21), [2], SETTINGS)


def test_the_cache_and_the_padding_change_nothing(model) -> None:
    greedy = SamplingSettings(temperature=0, max_new_tokens=10, block_rows=3, pad_multiple=16)
    prompts = [[1, 4, 5], [1, 7], [1, 9, 8, 7, 6]]
    for prompt, made in zip(prompts, sample_continuations(model, prompts, [0] * 3, [], greedy), strict=True):
        ids = list(prompt)
        for _ in range(10):
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
        assert made == Continuation(ids[len(prompt) :], None)


def test_stop_tokens_end_a_text(model) -> None:
    for made in sample_continuations(model, PROMPTS, range(21), [2, 7], SETTINGS):
        assert not {2, 7} & set(made.tokens)
        assert made.stop in (None, 2, 7)
        assert made.finished == (len(made.tokens) < SETTINGS.max_new_tokens)


def test_seeds_matter_and_nothing_global_does(model) -> None:
    torch.manual_seed(1)
    first = sample_continuations(model, PROMPTS[:4], [1, 2, 3, 4], [2], SETTINGS)
    torch.manual_seed(2)
    assert sample_continuations(model, PROMPTS[:4], [1, 2, 3, 4], [2], SETTINGS) == first
    assert sample_continuations(model, PROMPTS[:4], [5, 6, 7, 8], [2], SETTINGS) != first


def test_draws_follow_the_distribution() -> None:
    logits = torch.tensor([0.0, 1.0, 2.0, -1.0, 0.5]).expand(20_000, -1)
    uniforms = torch.rand(20_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for temperature in (0.5, 1.0, 2.0):
        shares = draw_tokens(logits, uniforms, temperature, 1.0).bincount(minlength=5) / 20_000
        torch.testing.assert_close(shares, torch.softmax(logits[0] / temperature, 0), atol=0.012, rtol=0)


def test_top_p_keeps_the_smallest_sufficient_set() -> None:
    probabilities = torch.tensor([0.05, 0.4, 0.1, 0.3, 0.15])
    logits = probabilities.log().expand(1000, -1)
    uniforms = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000
    for top_p, kept in ((0.39, {1}), (0.41, {1, 3}), (0.69, {1, 3}), (0.71, {1, 3, 4}), (0.94, {1, 2, 3, 4})):
        tokens = draw_tokens(logits, uniforms, 1.0, top_p)
        assert set(tokens.tolist()) == kept
        share = (tokens == 1).float().mean().item()
        assert share == pytest.approx(0.4 / probabilities[list(kept)].sum().item(), abs=0.002)


def test_a_flat_distribution_wider_than_the_ranked_part_keeps_its_nucleus() -> None:
    logits = torch.zeros(2000, 1500)
    uniforms = (torch.arange(2000, dtype=torch.float64) + 0.5) / 2000
    tokens = draw_tokens(logits, uniforms, 1.0, 0.8)
    assert 1190 <= len(tokens.unique()) <= 1201
    assert draw_tokens(logits[:1], torch.tensor([0.999999999], dtype=torch.float64), 1.0, 0.8) < 1500


def test_extreme_uniforms_hit_tokens_with_mass() -> None:
    logits = torch.tensor([[-torch.inf, 0.0, 0.0, -torch.inf]]).expand(2, -1)
    uniforms = torch.tensor([0.0, 1 - 2**-53], dtype=torch.float64)
    for top_p in (1.0, 0.99):
        assert draw_tokens(logits, uniforms, 1.0, top_p).tolist() == [1, 2]
    assert draw_tokens(logits, uniforms, 0, 1.0).tolist() == [1, 1]
