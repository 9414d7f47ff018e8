"""Warm-up ends exactly at the peak; the cosine halves half-way."""

from __future__ import annotations

import itertools

import pytest

from pairsmith.training.schedule import learning_rate_factor


def test_warmup_is_linear_and_ends_at_the_peak():
    factors = [learning_rate_factor(step, steps=100, warmup_steps=4, decay="constant") for step in range(6)]
    assert factors == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]


def test_cosine_starts_at_the_peak_halves_midway_and_never_rises():
    factors = [learning_rate_factor(step, steps=110, warmup_steps=10, decay="cosine") for step in range(10, 110)]
    assert factors[0] == 1.0
    assert factors[50] == pytest.approx(0.5)
    assert factors[-1] == pytest.approx(0.000247, abs=1e-6)
    assert all(later < earlier for earlier, later in itertools.pairwise(factors))


def test_no_warmup_starts_at_the_peak():
    assert learning_rate_factor(0, steps=5, warmup_steps=0, decay="constant") == 1.0
    assert learning_rate_factor(7, steps=5, warmup_steps=10, decay="cosine") == 0.8
