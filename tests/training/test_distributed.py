"""Two processes give the numbers of one at the same global batch: copies, shards, accumulation, phases, restarts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pairsmith.errors import InputError
from pairsmith.training.distributed import Ranks, choose_device, read_ranks
from tests.training.run_ranks import SCENARIOS, run

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> dict:
    """What two processes found."""
    folder = tmp_path_factory.mktemp("two")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run([*launch, "-m", "tests.training.run_ranks", str(folder)], cwd=ROOT, check=True)
    return json.loads((folder / "found.json").read_text())


@pytest.mark.parametrize("name", SCENARIOS)
def test_two_processes_equal_one(two, tmp_path, name):
    one, found = run(name, tmp_path), two[name]
    assert len(found["history"]) == 12
    for line, expected in zip(found["history"], one["history"], strict=True):
        assert line == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert [part is None for part in found["parts"]] == [part is None for part in one["parts"]]
    assert found["scores"] == pytest.approx(one["scores"], rel=1e-4)
    for weight, expected in zip(found["weights"], one["weights"], strict=True):
        assert weight == pytest.approx(expected, abs=2e-5)


def test_fsdp2_shards_and_ddp_does_not(two):
    assert "DTensor" in two["fsdp2"]["sharded"] or two["fsdp2"]["sharded"] == "DTensor"
    assert "DTensor" not in two["ddp"]["sharded"]


def test_ranks_come_from_the_environment(monkeypatch):
    assert read_ranks() == Ranks(0, 1, 0)
    for name, value in (("RANK", "5"), ("WORLD_SIZE", "8"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    assert read_ranks() == Ranks(5, 8, 1)


def test_a_missing_gpu_is_said(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto", Ranks()) == torch.device("cpu")
    with pytest.raises(InputError, match="cuda is not available"):
        choose_device("cuda", Ranks())
