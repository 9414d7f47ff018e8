from __future__ import annotations

import numpy as np
import pytest

from pairsmith.training.llava.order import GroupedOrder

DRAW = np.random.default_rng(0)
ROWS = 103
LENGTHS = DRAW.integers(1, 500, ROWS)
PICTURED = DRAW.random(ROWS) < 0.6


def order(batch: int = 8, seed: int = 0, **options) -> GroupedOrder:
    return GroupedOrder(LENGTHS, PICTURED, batch, seed, **options)


@pytest.mark.parametrize("batch", [1, 8, 64, 200])
def test_every_epoch_shows_every_row_once(batch: int) -> None:
    grouped = order(batch)
    rows = grouped.indices(np.arange(3 * ROWS))
    for epoch in range(3):
        assert sorted(rows[epoch * ROWS : (epoch + 1) * ROWS]) == list(range(ROWS))
    assert rows[:ROWS].tolist() != rows[ROWS : 2 * ROWS].tolist()


def test_it_is_a_pure_function_of_seed_and_sample() -> None:
    numbers = np.arange(3 * ROWS)
    rows = order().indices(numbers)
    backwards = order()
    assert [backwards.index(int(number)) for number in numbers[::-1]] == rows[::-1].tolist()
    assert order(seed=1).indices(numbers).tolist() != rows.tolist()


def test_batches_are_of_one_kind_but_for_the_ends_of_epochs() -> None:
    rows = order().indices(np.arange(4 * ROWS // 8 * 8)).reshape(-1, 8)
    mixed = [number for number, batch in enumerate(rows) if len(set(PICTURED[batch])) > 1]
    ends = {epoch * ROWS // 8 - back for epoch in range(1, 5) for back in (0, 1, 2)}
    assert set(mixed) <= ends
    assert len(mixed) < len(rows) / 4


def test_rows_of_like_length_share_a_micro_batch_of_all_ranks() -> None:
    batch, world, parts = 16, 2, 4
    rows = order(batch, world=world, micro_batches=parts).indices(np.arange(batch))
    lengths = LENGTHS[rows].reshape(world, parts, -1)  # [rank, micro-batch, row]
    for part in range(parts - 1):
        assert lengths[:, part].min() >= lengths[:, part + 1].max()
    plain = order(batch).indices(np.arange(batch))
    assert sorted(plain) == sorted(rows)  # the batch itself does not depend on the ranks


def test_lengths_of_a_batch_are_not_chosen() -> None:
    rows = order(4).indices(np.arange(ROWS // 4 * 4)).reshape(-1, 4)
    spread = (LENGTHS[rows].max(1) - LENGTHS[rows].min(1)).mean()
    assert spread > 0.3 * (LENGTHS.max() - LENGTHS.min())  # long and short ones in one step: no bias along the run
