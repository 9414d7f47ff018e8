"""Every real task, killed in the middle of an epoch and of a step and started again, ends with the same bits."""

from __future__ import annotations

from pathlib import Path

import pytest

from pairsmith.training.logging import LOG_NAME, read_lines
from tests.training.kills import assert_same_run, run_script
from tests.training.tasks.run_task_kills import SETTINGS, TASKS


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_script("tests.training.tasks.run_task_kills", tmp_path_factory.mktemp("runs"))


@pytest.mark.parametrize("name", TASKS)
def test_killed_and_resumed_equals_uninterrupted(runs: Path, name: str) -> None:
    assert (runs / name / "outcomes.txt").read_text().split() == ["0", "-9", "0"]
    assert_same_run(runs / name / "killed", runs / name / "straight", SETTINGS.steps)
    lines = read_lines(runs / name / "straight" / LOG_NAME)
    assert len({line.get("loss", line.get("tokenizer/loss")) for line in lines}) == len(lines)  # it learned
