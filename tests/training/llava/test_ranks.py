"""Two ranks, some with text alone where the other has pictures, end with the weights of one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pairsmith.vlm.llava.loading import load_llava
from tests.training.llava.run_llava_ranks import SCENARIOS, run, write_rows
from tests.vlm.llava.tiny import tiny_llava

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def two_ranks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which two processes left their models."""
    folder = tmp_path_factory.mktemp("two")
    write_rows(folder / "rows")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run([*launch, "-m", "tests.training.llava.run_llava_ranks", str(folder)], cwd=ROOT, check=True)
    return folder


@pytest.mark.parametrize("name", SCENARIOS)
def test_two_ranks_equal_one(two_ranks: Path, tmp_path: Path, name: str) -> None:
    one = run(name, two_ranks / "rows" / "rows.json", tmp_path, False)
    found, expected = (load_llava(folder)[0].state_dict() for folder in (two_ranks / name / "model", one.model))
    start = tiny_llava()[0].state_dict()
    assert found.keys() == expected.keys() == start.keys()
    moved = max(float((expected[key] - start[key]).abs().max()) for key in start)
    assert moved > 1e-3
    for key, value in expected.items():
        assert torch.allclose(found[key], value, atol=1e-2 * moved), key
