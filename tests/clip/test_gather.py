"""Two processes with half the rows each have the losses and the gradients of one process with all rows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pairsmith.clip.contrast import ALONE
from pairsmith.training.distributed import Ranks
from pairsmith.training.gather import gather_over
from tests.clip.run_gather import LOSSES, run

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> list[dict]:
    file = tmp_path_factory.mktemp("two") / "found.json"
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run([*launch, "-m", "tests.clip.run_gather", str(file)], cwd=ROOT, check=True)
    return json.loads(file.read_text())


@pytest.fixture(scope="module")
def one() -> dict:
    return run(0, 1, ALONE)


@pytest.mark.parametrize("name", LOSSES)
def test_two_ranks_equal_one(two, one, name):
    first, second = two[0][name], two[1][name]
    assert first.keys() == second.keys() == one[name].keys()
    for key, expected in one[name].items():
        if key in ("loss", "scale"):  # what ranks share adds up; rows lie end to end
            found = [a + b for a, b in zip(first[key], second[key], strict=True)]
        else:
            found = first[key] + second[key]
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-12)
    assert any(abs(value) > 1e-6 for key, values in one[name].items() if key != "loss" for value in values)


def test_a_single_rank_gathers_nothing():
    assert gather_over(Ranks()) is ALONE
