"""A run that was killed anywhere and started again ends as one that was never stopped, to the bit."""

from __future__ import annotations

from pathlib import Path

import pytest

from pairsmith.training.logging import EVALUATIONS_NAME, LOG_NAME, read_lines
from tests.training.kills import assert_same_run, run_script
from tests.training.run_kills import POINTS, SETTINGS


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    return run_script("tests.training.run_kills", tmp_path_factory.mktemp("runs"))


@pytest.mark.parametrize("name", POINTS)
def test_killed_and_resumed_equals_uninterrupted(runs, name):
    outcomes = [int(text) for text in (runs / name / "outcomes.txt").read_text().split()]
    assert outcomes == [-9] * len(POINTS[name]) + [0]
    assert_same_run(runs / name, runs / "straight", SETTINGS.steps)
    assert read_lines(runs / name / EVALUATIONS_NAME) == read_lines(runs / "straight" / EVALUATIONS_NAME)
    folders = sorted(path.name for path in (runs / name / "checkpoints").iterdir())
    assert folders == ["step_00000015", "step_00000020"]


def test_the_straight_run_logs_every_interval_once(runs):
    assert [line["step"] for line in read_lines(runs / "straight" / LOG_NAME)] == [3, 6, 9, 12, 15, 18, 20]
    assert [line["step"] for line in read_lines(runs / "straight" / EVALUATIONS_NAME)] == [4, 8, 12, 16, 20]
