"""Two processes give the numbers of one at the same global batch: copies, shards, accumulation, phases, restarts."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from pairsmith.errors import InputError
from pairsmith.training import load_weights, train
from pairsmith.training.distributed import Ranks, choose_device, read_ranks
from tests.training.ranks import two_processes
from tests.training.run_ranks import SCENARIOS, run, settings_of
from tests.training.tiny import TokenFeed, TokenTask


@pytest.fixture(scope="module")
def two_folder(tmp_path_factory) -> Path:
    """The runs of two processes."""
    return tmp_path_factory.mktemp("two")


@pytest.fixture(scope="module")
def two(two_folder) -> dict:
    """What two processes found."""
    return two_processes("tests.training.run_ranks", two_folder)


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


@pytest.mark.parametrize("name", ["ddp", "fsdp2", "fsdp2-average"])
def test_one_process_goes_on_from_a_checkpoint_of_two(two, two_folder, tmp_path, name):
    shutil.copytree(two_folder / name, tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "checkpoints" / "step_00000012")
    feed, steps = TokenFeed(8), []
    batch = feed.batch
    feed.batch = lambda step: (steps.append(step), batch(step))[1]
    task = TokenTask()
    history = train(task, feed, settings_of(name), tmp_path / "out").history
    assert steps == [8, 9, 10, 11]
    for line, expected in zip(history, two[name]["history"], strict=True):
        assert line["loss"] == pytest.approx(expected["loss"], rel=1e-4)
    fresh = TokenTask()
    load_weights(tmp_path / "out", fresh.modules)
    made = [p.flatten().tolist() for module in fresh.modules.values() for p in module.parameters()]
    for weight, expected in zip(made, two[name]["weights"], strict=True):
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


def test_every_process_needs_a_gpu_of_its_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("auto", Ranks(1, 3, 1)) == torch.device("cuda", 1)
    with pytest.raises(InputError, match="has 2 GPUs, and process 3 has none"):
        choose_device("auto", Ranks(2, 3, 2))
