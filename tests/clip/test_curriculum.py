"""The curriculum: its shapes, and what holds of an epoch's batches whatever it says."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairsmith.clip.curriculum import NONE, CurriculumSettings, EpochOrder, pair_share
from pairsmith.errors import InputError


def partners_of(pairs: int, lone: int) -> np.ndarray:
    """Bases, their negatives, and captions without either, in a scrambled order."""
    count = 2 * pairs + lone
    place = np.random.default_rng(pairs + lone).permutation(count)
    partners = np.full(count, NONE)
    for number in range(pairs):
        one, other = place[number], place[pairs + number]
        partners[one], partners[other] = other, one
    return partners


def constant(share: float) -> CurriculumSettings:
    return CurriculumSettings(shape="constant", share=share)


def meetings(batch: np.ndarray, partners: np.ndarray) -> int:
    """Pairs that are in a batch together."""
    there = set(batch.tolist())
    return sum(1 for number in there if partners[number] in there) // 2


def epoch_batches(order: EpochOrder, epoch: int) -> list[np.ndarray]:
    first = epoch * order.steps_per_epoch
    return [order.captions(step) for step in range(first, first + order.steps_per_epoch)]


def test_shapes():
    linear = CurriculumSettings(shape="linear", share=0.5, epochs=4)
    assert [pair_share(epoch, linear) for epoch in range(6)] == [0, 0.125, 0.25, 0.375, 0.5, 0.5]
    step = CurriculumSettings(shape="step", share=0.3, epochs=2)
    assert [pair_share(epoch, step) for epoch in range(4)] == [0, 0, 0.3, 0.3]
    assert [pair_share(epoch, constant(0.4)) for epoch in range(3)] == [0.4, 0.4, 0.4]


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 40), st.integers(0, 40), st.integers(1, 16), st.floats(0, 0.5), st.integers(0, 3), st.integers(0, 99)
)
def test_every_caption_is_visited_and_batches_are_full(pairs, lone, batch, share, epoch, seed):
    partners = partners_of(pairs, lone)
    if batch > len(partners):
        return
    order = EpochOrder(partners, batch, constant(share), seed)
    assert order.steps_per_epoch == -(-len(partners) // batch)
    batches = epoch_batches(order, epoch)
    assert all(len(one) == batch == len(set(one.tolist())) for one in batches)
    visits = np.bincount(np.concatenate(batches), minlength=len(partners))
    assert visits.min() == 1
    assert visits.sum() - len(partners) < batch


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 12), st.floats(0.05, 0.5), st.integers(0, 99))
def test_batches_hold_the_pairs_that_are_asked_for(batch, share, seed):
    partners = partners_of(10 * batch, 3)
    order = EpochOrder(partners, batch, constant(share), seed)
    wanted = int(share * batch)
    found = [meetings(one, partners) for one in epoch_batches(order, 1)]
    mixed = (10 * batch + 3) // (batch - wanted)
    if wanted:
        mixed = min(mixed, 10 * batch // wanted)
    assert sum(count >= wanted for count in found) >= mixed


@pytest.mark.parametrize("pairs", [16, 19, 40])
def test_without_curriculum_partners_never_meet(pairs):
    partners = partners_of(pairs, 0)
    order = EpochOrder(partners, 8, constant(0.0), 3)
    assert all(meetings(batch, partners) == 0 for epoch in range(4) for batch in epoch_batches(order, epoch))


def test_at_a_half_all_partners_meet():
    partners = partners_of(19, 0)
    order = EpochOrder(partners, 8, constant(0.5), 3)
    batches = epoch_batches(order, 2)
    assert sum(meetings(batch, partners) for batch in batches) >= 19
    full = [meetings(batch, partners) for batch in batches]
    assert sorted(full)[1:] == [4] * 4  # 38 captions: four full batches and one of three pairs and two revisits


def test_meetings_grow_with_the_epochs():
    partners = partners_of(200, 0)
    order = EpochOrder(partners, 20, CurriculumSettings(shape="linear", share=0.5, epochs=5), 0)
    found = [sum(meetings(batch, partners) for batch in epoch_batches(order, epoch)) for epoch in range(7)]
    assert found[0] == 0
    assert all(before < after for before, after in itertools.pairwise(found[:6]))
    assert found[5] == found[6] == 200


def test_singles_are_bases_and_negatives_alike():
    partners = np.concatenate([np.arange(500) + 500, np.arange(500)])
    order = EpochOrder(partners, 50, constant(0.0), 0)
    bases = [float((batch < 500).mean()) for batch in epoch_batches(order, 0)]
    assert all(0.2 < share < 0.8 for share in bases)


def test_a_batch_is_a_function_of_seed_and_step():
    partners = partners_of(20, 5)
    first, second = (EpochOrder(partners, 8, CurriculumSettings(epochs=3), 7) for _ in range(2))
    forward = [first.captions(step).tolist() for step in range(30)]
    assert forward == [second.captions(step).tolist() for step in reversed(range(30))][::-1]
    other = EpochOrder(partners, 8, CurriculumSettings(epochs=3), 8)
    assert forward != [other.captions(step).tolist() for step in range(30)]
    per = first.steps_per_epoch
    assert forward[:per] != forward[per : 2 * per]  # epochs differ


@pytest.mark.parametrize(
    ("partners", "batch", "message"),
    [([NONE] * 3, 4, "cannot be filled"), ([], 1, "cannot be filled"), ([1, NONE], 1, "partner must have it")],
)
def test_bad_input(partners, batch, message):
    with pytest.raises(InputError, match=message):
        EpochOrder(np.array(partners, np.int64), batch, CurriculumSettings(), 0)
