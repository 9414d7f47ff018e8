"""A row that fails costs its batch nothing but its own value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from pairsmith.execution.row_values import ScoreFailures, compute_rows


@dataclass(frozen=True)
class Rows:
    """Rows whose ids are numbers."""

    ids: list[str]

    def __len__(self) -> int:
        return len(self.ids)

    def part(self, rows: Sequence[int]) -> Rows:
        return Rows([self.ids[row] for row in rows])


def _numbers(batch: Rows) -> np.ndarray:
    return np.array([float(name) for name in batch.ids])


def test_a_row_that_raises_fails_alone() -> None:
    values, reasons = compute_rows(_numbers, Rows(["1", "2", "x", "4", "5"]))
    assert [float(value) for at, value in enumerate(values) if at != 2] == [1, 2, 4, 5]
    assert reasons == {2: "ValueError: could not convert string to float: 'x'"}


def test_infinity_is_a_failure_unless_it_is_a_value() -> None:
    rows = Rows(["1", "inf"])
    assert compute_rows(_numbers, rows)[1] == {1: "the score is not a finite number"}
    values, reasons = compute_rows(_numbers, rows, finite=False)
    assert (float(values[1]), reasons) == (float("inf"), {})


def test_errors_that_are_no_rows_own_pass_through() -> None:
    with pytest.raises(ValueError, match="'x'"):
        compute_rows(_numbers, Rows(["1", "x"]), stops=(ValueError,))


def test_reasons_of_halves_keep_their_places() -> None:
    def compute(batch: Rows) -> np.ndarray:
        if "x" in batch.ids:
            raise RuntimeError("bad")
        raise ScoreFailures(np.ones(len(batch)), {at: f"no {name}" for at, name in enumerate(batch.ids) if name == "7"})

    _, reasons = compute_rows(compute, Rows(["x", "2", "3", "7"]))
    assert reasons == {0: "RuntimeError: bad", 3: "no 7"}
