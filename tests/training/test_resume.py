"""A run that was killed anywhere and started again ends as one that was never stopped, to the bit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pairsmith.training.checkpoint import AVERAGE, MODEL, OPTIMIZER, latest_checkpoint, read_optimizer, read_state
from pairsmith.training.logging import EVALUATIONS_NAME, LOG_NAME, read_lines
from tests.training.run_kills import POINTS, SETTINGS
from tests.training.test_loop import untimed


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    root = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-m", "tests.training.run_kills", str(folder)], cwd=root, check=True)
    return folder


@pytest.mark.parametrize("name", POINTS)
def test_killed_and_resumed_equals_uninterrupted(runs, name):
    outcomes = [int(text) for text in (runs / name / "outcomes.txt").read_text().split()]
    assert outcomes == [-9] * len(POINTS[name]) + [0]
    killed, straight = latest_checkpoint(runs / name), latest_checkpoint(runs / "straight")
    assert read_state(killed)["step"] == read_state(straight)["step"] == SETTINGS.steps
    for file in (MODEL, AVERAGE):
        assert (killed / file).read_bytes() == (straight / file).read_bytes()
    moments, expected = read_optimizer(killed), read_optimizer(straight)
    for phase, states in expected.items():
        for parameter, state in states.items():
            assert all(torch.equal(value, moments[phase][parameter][key]) for key, value in state.items())
    assert (killed / OPTIMIZER).is_file()
    assert untimed(read_lines(runs / name / LOG_NAME)) == untimed(read_lines(runs / "straight" / LOG_NAME))
    assert read_lines(runs / name / EVALUATIONS_NAME) == read_lines(runs / "straight" / EVALUATIONS_NAME)
    folders = sorted(path.name for path in (runs / name / "checkpoints").iterdir())
    assert folders == ["step_00000015", "step_00000020"]


def test_the_straight_run_logs_every_interval_once(runs):
    assert [line["step"] for line in read_lines(runs / "straight" / LOG_NAME)] == [3, 6, 9, 12, 15, 18, 20]
    assert [line["step"] for line in read_lines(runs / "straight" / EVALUATIONS_NAME)] == [4, 8, 12, 16, 20]
