from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairsmith.errors import InputError
from pairsmith.pairs import PairStore
from pairsmith.pairs.feed import Feed, MixedFeed, PairSource, SampleOrder
from tests.pairs.rows import NUM_TOKENS, make_pairs

SIZES = st.integers(1, 3000)
SEEDS = st.integers(0, 2**62)


class Numbers:
    """A source whose batches are lists of (row, epoch)."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    def collate(self, indices: Sequence[int], epochs: Sequence[int]) -> list[tuple[int, int]]:
        return list(zip(indices, epochs, strict=True))


@settings(max_examples=60, deadline=None)
@given(SIZES, SEEDS, st.integers(0, 10**9))
def test_every_epoch_is_a_permutation(n: int, seed: int, epoch: int) -> None:
    rows = SampleOrder(n, seed).indices(np.arange(epoch * n, (epoch + 1) * n))
    assert np.array_equal(np.sort(rows), np.arange(n))


@settings(max_examples=60, deadline=None)
@given(SIZES, SEEDS, st.lists(st.integers(0, 10**12), max_size=20))
def test_a_sample_does_not_depend_on_its_company(n: int, seed: int, numbers: list[int]) -> None:
    order = SampleOrder(n, seed)
    assert order.indices(np.array(numbers, np.int64)).tolist() == [SampleOrder(n, seed).index(at) for at in numbers]


def test_the_order_is_the_same_for_ever() -> None:
    twice = [SampleOrder(10, 7).index(number) for number in range(20)]
    assert twice == [8, 1, 5, 9, 6, 3, 4, 2, 7, 0, 5, 0, 7, 3, 2, 6, 1, 8, 4, 9]
    far = [SampleOrder(10**12, 7).index(number) for number in (0, 10**13)]
    assert far == [745300272193, 332918119668]


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    order = SampleOrder(500, 1)
    first, second = order.indices(np.arange(500)), order.indices(np.arange(500, 1000))
    other = SampleOrder(500, 2).indices(np.arange(500))
    for one, two in ((first, second), (first, other), (first, np.arange(500))):
        assert np.count_nonzero(one == two) < 10  # about one is expected


@pytest.mark.parametrize("n", [2, 3, 4])
def test_small_sets_reach_every_order_about_equally(n: int) -> None:
    order = SampleOrder(n, 3)
    rows = order.indices(np.arange(600 * n)).reshape(600, n)
    counts = Counter(map(tuple, rows.tolist()))
    expected = 600 / np.prod(np.arange(1, n + 1))
    assert len(counts) * expected == 600
    # Chi-square far beyond the 1e-6 quantile for up to 23 degrees of freedom.
    assert sum((count - expected) ** 2 / expected for count in counts.values()) < 75


def test_neighbours_are_scattered() -> None:
    n = 4096
    rows = SampleOrder(n, 5).indices(np.arange(n)).astype(float)
    assert abs(np.corrcoef(rows[:-1], rows[1:])[0, 1]) < 0.06
    assert abs(np.corrcoef(rows, np.arange(n))[0, 1]) < 0.06
    steps = Counter((np.diff(rows) % n).tolist())
    assert max(steps.values()) < 12  # a constant stride would be there thousands of times


def test_an_empty_source_is_refused() -> None:
    with pytest.raises(InputError, match="no rows"):
        Feed(Numbers(0), 4, 0)


@settings(max_examples=60, deadline=None)
@given(SIZES, SEEDS, st.integers(1, 12), st.sampled_from([1, 2, 4]), st.integers(0, 10**6))
def test_the_ranks_batches_laid_end_to_end_are_the_batch_of_one(
    n: int, seed: int, share: int, world: int, step: int
) -> None:
    size = share * 4
    one = Feed(Numbers(n), size, seed)
    parts = [Feed(Numbers(n), size, seed, rank, world) for rank in range(world)]
    assert [len(part.batch(step)) for part in parts] == [size // world] * world
    assert [row for part in parts for row in part.batch(step)] == one.batch(step)
    assert [row for rank in range(world) for row in parts[0].batch_indices(step, rank)] == one.batch_indices(step)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), SEEDS, st.integers(1, 9))
def test_batches_run_through_the_epochs_without_loss(n: int, seed: int, size: int) -> None:
    feed = Feed(Numbers(n), size, seed)
    rows = [row for step in range(-(-3 * n // size)) for row in feed.batch(step)][: 3 * n]
    assert Counter(rows) == Counter((row, epoch) for row in range(n) for epoch in range(3))
    assert [epoch for _, epoch in rows] == sorted(epoch for _, epoch in rows)


def test_going_on_needs_the_samples_seen_alone() -> None:
    feed = Feed(Numbers(7), 6, 1)
    assert feed.samples_seen(5) == 30
    assert feed.step_at(30) == 5
    assert Feed(Numbers(7), 6, 1).batch(feed.step_at(30)) == feed.batch(5)
    # Half the batch, twice the steps: the same samples follow.
    halved = Feed(Numbers(7), 3, 1)
    assert halved.batch(halved.step_at(30)) + halved.batch(halved.step_at(30) + 1) == feed.batch(5)
    with pytest.raises(InputError, match="31 samples do not end a batch of 6"):
        feed.step_at(31)


def test_wrong_shares_are_refused() -> None:
    with pytest.raises(InputError, match="6 rows cannot be shared equally by 4"):
        Feed(Numbers(7), 6, 1, 0, 4)
    with pytest.raises(InputError, match="rank 2 is not one of 2"):
        Feed(Numbers(7), 6, 1, 2, 2)


FRACTIONS = st.one_of(st.sampled_from([0.0, 0.5, 1.0, 0.1, 1 / 3, 0.999]), st.floats(0, 1).map(lambda f: round(f, 4)))


@settings(max_examples=60, deadline=None)
@given(FRACTIONS, st.integers(1, 8), st.sampled_from([1, 2, 4]), SEEDS)
def test_mixtures_hold_their_fraction_and_lose_no_sample(fraction: float, share: int, world: int, seed: int) -> None:
    size, steps = share * 4, 25
    mixed = [
        MixedFeed(Feed(Numbers(11), size, seed, rank, world), Feed(Numbers(5), size, seed + 1, rank, world), fraction)
        for rank in range(world)
    ]
    real_numbers: list[int] = []
    synthetic_numbers: list[int] = []
    for step in range(steps):
        count = 0
        for rank in range(world):
            real, synthetic = mixed[0].sample_numbers(step, rank)
            assert len(real) + len(synthetic) == size // world
            real_numbers += real.tolist()
            synthetic_numbers += synthetic.tolist()
            count += len(synthetic)
        assert abs(count - fraction * size) < 1 + 1e-6
    # Each feed's own samples come in order, without gaps: nothing is skipped or seen twice.
    assert real_numbers == list(range(len(real_numbers)))
    assert synthetic_numbers == list(range(len(synthetic_numbers)))
    assert abs(len(synthetic_numbers) - fraction * size * steps) <= 0.5 + 1e-3


@pytest.mark.parametrize(("fraction", "size"), [(0.5, 6), (0.25, 8), (0.1, 20), (0.0, 4), (1.0, 4)])
def test_whole_numbers_of_synthetic_rows_are_in_every_batch(fraction: float, size: int) -> None:
    mixed = MixedFeed(Feed(Numbers(9), size, 1), Feed(Numbers(9), size, 1), fraction)
    for step in range(30):
        real, synthetic = mixed.batch_indices(step)
        assert len(synthetic) == Fraction(str(fraction)) * size
        assert len(real) == size - len(synthetic)


def test_mixtures_keep_the_orders_of_their_feeds() -> None:
    real, synthetic = Feed(Numbers(9), 4, 1), Feed(Numbers(7), 4, 2)
    batches = [MixedFeed(real, synthetic, 0.5).batch(step) for step in range(4)]
    assert [row for batch, _ in batches for row in batch or []] == real.batch(0) + real.batch(1)
    assert [row for _, batch in batches for row in batch or []] == synthetic.batch(0) + synthetic.batch(1)


def test_a_kind_without_rows_is_none() -> None:
    feeds = (Feed(Numbers(9), 4, 1), Feed(Numbers(9), 4, 1))
    assert MixedFeed(*feeds, 0.0).batch(3)[1] is None
    assert MixedFeed(*feeds, 1.0).batch(3)[0] is None


def test_synthetic_rows_are_spread_over_the_ranks() -> None:
    for step in range(10):
        counts = [
            len(MixedFeed(Feed(Numbers(9), 16, 1), Feed(Numbers(9), 16, 1), 0.3).sample_numbers(step)[1]),
            *(
                len(
                    MixedFeed(Feed(Numbers(9), 16, 1, rank, 4), Feed(Numbers(9), 16, 1, rank, 4), 0.3).sample_numbers(
                        step
                    )[1]
                )
                for rank in range(4)
            ),
        ]
        assert counts[0] == sum(counts[1:])
        assert max(counts[1:]) - min(counts[1:]) <= 1


def test_unlike_feeds_do_not_mix() -> None:
    with pytest.raises(InputError, match="differ in batch_size: 4 and 8"):
        MixedFeed(Feed(Numbers(9), 4, 1), Feed(Numbers(9), 8, 1), 0.5)
    with pytest.raises(InputError, match="differ in rank: 0 and 1"):
        MixedFeed(Feed(Numbers(9), 4, 1, 0, 2), Feed(Numbers(9), 4, 1, 1, 2), 0.5)
    for fraction in (-0.1, 1.1):
        with pytest.raises(InputError, match=r"must lie in 0\.\.1"):
            MixedFeed(Feed(Numbers(9), 4, 1), Feed(Numbers(9), 4, 1), fraction)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> PairStore:
    rows = make_pairs(30)
    rows[4] = replace(rows[4], status="failed", reason="why")
    return PairStore.write(tmp_path_factory.mktemp("store"), rows, settings={}, shard_rows=8, num_tokens=NUM_TOKENS)


def test_a_store_feeds_its_ok_rows(store: PairStore) -> None:
    rows = [row for at, row in enumerate(make_pairs(30)) if at != 4]
    source = PairSource(store, ["tokens", "image", "caption", "references", "seed"])
    assert len(source) == 29
    batch = source.collate([28, 4, 4], [0, 0, 0])
    expected = [rows[28], rows[4], rows[4]]
    assert list(batch) == ["tokens", "image", "caption", "references", "seed"]
    assert batch["tokens"].dtype == np.uint16
    assert np.array_equal(batch["tokens"], np.stack([row.tokens for row in expected]))
    assert batch["image"] == [row.image for row in expected]
    assert batch["caption"] == [row.caption for row in expected]
    assert batch["references"] == [list(row.references) for row in expected]
    assert batch["seed"] == [row.seed for row in expected]


def test_a_part_of_a_store_can_be_fed(store: PairStore) -> None:
    positions = np.array([20, 3, 11])
    source = PairSource(store, ["id"], positions)
    assert len(source) == 3
    assert source.collate([2, 0], [0, 0])["id"] == [store.ids()[11], store.ids()[20]]
    seen = [row for step in range(3) for row in Feed(source, 1, 0).batch(step)["id"]]
    assert sorted(seen) == sorted(store.ids()[at] for at in positions)


def test_unknown_columns_are_refused_at_once(store: PairStore) -> None:
    with pytest.raises(InputError, match="no column 'colour'"):
        PairSource(store, ["colour"])


def test_a_feed_can_be_sent_to_a_loader_process(store: PairStore) -> None:
    feed = Feed(PairSource(store, ["caption", "tokens"]), 4, 3)
    before = feed.batch(2)
    after = pickle.loads(pickle.dumps(feed)).batch(2)
    assert before["caption"] == after["caption"]
    assert np.array_equal(before["tokens"], after["tokens"])


def test_a_run_that_stops_in_mid_epoch_goes_on_at_the_very_sample(store: PairStore, tmp_path: Path) -> None:
    whole = [Feed(PairSource(store, ["id"]), 4, 3).batch(step)["id"] for step in range(20)]
    resumed = Feed(PairSource(PairStore(store.folder), ["id"]), 4, 3)
    for step, following in pairwise(range(11, 20)):
        assert resumed.batch(step)["id"] == whole[step]
        assert resumed.batch(following)["id"] == whole[following]
