"""Orders: the table of choice noise, Halton's coverage and spread, exact counts under ties."""

from __future__ import annotations

import pytest
import torch

from pairsmith.generators.orders import (
    choice_noise_scale,
    fixed_order,
    gumbel,
    halton_order,
    most_confident,
    radical_inverse,
    unknown_first,
)


def test_choice_noise_falls_linearly_and_never_compounds() -> None:
    table = [choice_noise_scale(step, 24, 32.5) for step in range(24)]
    # Worked by hand: 32.5 * (23, 22, 12, 2, 1, 0) / 24. A compounding rule would give 29 at step 1 and 8.8 at step 7.
    expected = {0: 31.1458, 1: 29.7917, 7: 21.6667, 11: 16.25, 21: 2.7083, 22: 1.3542, 23: 0.0}
    for step, value in expected.items():
        assert table[step] == pytest.approx(value, abs=1e-4)
    assert torch.tensor(table).diff().tolist() == pytest.approx([-32.5 / 24] * 23, abs=1e-5)


@pytest.mark.parametrize("grid", [1, 2, 3, 4, 7, 8, 16])
def test_halton_visits_every_cell_once(grid: int) -> None:
    assert sorted(halton_order(grid).tolist()) == list(range(grid * grid))


def test_radical_inverse_by_hand() -> None:
    assert [radical_inverse(index, 2) for index in (1, 2, 3, 6)] == [0.5, 0.25, 0.75, 0.375]
    assert radical_inverse(5, 3) == pytest.approx(2 / 3 + 1 / 9)


def test_halton_starts_as_worked_by_hand() -> None:
    # Points (1/2, 1/3), (1/4, 2/3), (3/4, 1/9), (1/8, 4/9) of the 4 x 4 grid.
    assert halton_order(4)[:4].tolist() == [2 * 4 + 1, 1 * 4 + 2, 3 * 4 + 0, 0 * 4 + 1]


def test_halton_spreads_neighbours_in_the_order_apart() -> None:
    def least_distance(order: torch.Tensor) -> float:
        cells = torch.stack((order // 16, order % 16), dim=1).float()
        return float((cells[1:] - cells[:-1]).norm(dim=1).min())

    shuffled = torch.randperm(256, generator=torch.Generator().manual_seed(0))
    assert least_distance(halton_order(16)) > least_distance(shuffled)


@pytest.mark.parametrize("order", ["random", "halton"])
def test_fixed_orders_are_permutations_by_row(order: str) -> None:
    uniforms = torch.rand(50, 16, generator=torch.Generator().manual_seed(1))
    orders = fixed_order(order, 4, uniforms)  # type: ignore[arg-type]
    assert torch.equal(orders.sort(dim=1).values, torch.arange(16).expand(50, 16))
    assert len({tuple(row) for row in orders.tolist()}) > 10  # rows differ: rolled or shuffled by their own uniforms


def test_roll_turns_the_sequence_and_can_be_switched_off() -> None:
    uniforms = torch.full((1, 16), 3.5 / 16)
    sequence = halton_order(4)
    assert torch.equal(fixed_order("halton", 4, uniforms)[0], sequence.roll(-3))
    assert torch.equal(fixed_order("halton", 4, uniforms, roll=False)[0], sequence)


def test_unknown_first_keeps_the_order_within_each_part() -> None:
    order = torch.tensor([[3, 0, 2, 1]])
    known = torch.tensor([[True, False, False, True]])
    assert unknown_first(order, known).tolist() == [[2, 1, 3, 0]]


def test_most_confident_counts_exactly_under_ties() -> None:
    confidences = torch.zeros(4, 6)
    eligible = torch.tensor([[True] * 6, [True] * 6, [False] * 3 + [True] * 3, [False] * 6])
    counts = torch.tensor([2, 6, 3, 0])
    chosen = most_confident(confidences, eligible, counts)
    assert chosen.sum(dim=1).tolist() == counts.tolist()
    assert not (chosen & ~eligible).any()


def test_most_confident_takes_the_highest() -> None:
    chosen = most_confident(
        torch.tensor([[0.1, 0.9, 0.5, 2.0]]), torch.tensor([[True, True, True, False]]), torch.tensor([2])
    )
    assert chosen.tolist() == [[False, True, True, False]]


def test_gumbel_is_finite_and_standard() -> None:
    assert torch.isfinite(gumbel(torch.tensor([0.0, 0.5, 1 - 2**-24]))).all()
    noise = gumbel(torch.rand(200_000, generator=torch.Generator().manual_seed(0)))
    assert float(noise.mean()) == pytest.approx(0.5772, abs=0.02)
    assert float(noise.std()) == pytest.approx(1.2825, abs=0.02)
