"""Schedules: published tables of commits, and their invariants for any size."""

from __future__ import annotations

import math
from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pairsmith.generators.schedules import Schedule, commit_counts, commit_table, mask_ratio

SCHEDULES = get_args(Schedule)


def test_cosine_commits_of_256_tokens_in_24_steps() -> None:
    expected = (1, 2, 2, 4, 5, 6, 7, 8, 9, 9, 11, 11, 13, 13, 13, 14, 15, 16, 15, 16, 17, 16, 17, 16)
    assert commit_counts(256, 24, "cosine") == expected


def test_arccos_commits_most_in_the_last_step() -> None:
    expected = (7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 8, 8, 9, 8, 10, 10, 10, 12, 13, 15, 20, 47)
    assert commit_counts(256, 24, "arccos") == expected


def test_linear_commits_evenly() -> None:
    assert commit_counts(16, 8, "linear") == (2,) * 8


@settings(deadline=None)
@given(total=st.integers(1, 300), steps=st.integers(1, 400), schedule=st.sampled_from(SCHEDULES))
def test_every_step_commits_and_all_are_committed(total: int, steps: int, schedule: Schedule) -> None:
    counts = commit_counts(total, steps, schedule)
    assert len(counts) == min(total, steps)
    assert min(counts) >= 1
    assert sum(counts) == total


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_rows_of_the_table_commit_what_is_unknown(schedule: Schedule) -> None:
    table = commit_table(16, 5, schedule)
    assert table.shape == (17, 5)
    assert table.sum(dim=1).tolist() == list(range(17))
    assert tuple(table[16].tolist()) == commit_counts(16, 5, schedule)
    # Fewer unknown tokens than steps: one in each of the last steps.
    assert table[2].tolist() == [0, 0, 0, 1, 1]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_mask_ratio_falls_from_one_to_zero(schedule: Schedule) -> None:
    ratios = mask_ratio(torch.linspace(0, 1, 101, dtype=torch.float64), schedule)
    assert ratios[0] == pytest.approx(1)
    assert ratios[-1] == pytest.approx(0, abs=1e-12)
    assert (ratios.diff() < 0).all()


def test_mean_and_shape_of_the_training_ratio() -> None:
    # Cosine and arccos share the mean 2/pi, so only the share below one half tells them apart.
    progress = torch.linspace(0, 1, 100_001, dtype=torch.float64)
    for schedule, below_half in (("cosine", 1 / 3), ("arccos", 1 - math.cos(math.pi / 4))):
        ratios = mask_ratio(progress, schedule)  # type: ignore[arg-type]
        assert float(ratios.mean()) == pytest.approx(2 / math.pi, abs=1e-3)
        assert float((ratios < 0.5).double().mean()) == pytest.approx(below_half, abs=1e-3)
