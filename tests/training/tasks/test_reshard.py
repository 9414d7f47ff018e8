"""A VLM on rows of a store: two processes give the loss curve of one, and one goes on where two stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pairsmith.training.checkpoint import latest_checkpoint, read_state
from tests.training.ranks import two_processes
from tests.training.tasks.run_reshard_ranks import BROKEN_AFTER, STEPS, run

# Sums over two halves of a batch are rounded otherwise than over the whole of it, and AdamW carries that on.
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("two")


@pytest.fixture(scope="module")
def two(folder: Path) -> dict[str, Any]:
    """What two processes found."""
    return two_processes("tests.training.tasks.run_reshard_ranks", folder)


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> list[list[float]]:
    """The curve of a single process."""
    return run("ddp-whole", tmp_path_factory.mktemp("one") / "run")["curve"]


def test_the_task_is_learned(one: list[list[float]]) -> None:
    assert len(one) == STEPS
    assert one[-1][0] < one[0][0] - 0.2  # or equal curves would say little


@pytest.mark.parametrize("parallel", ["ddp", "fsdp2"])
def test_two_processes_give_the_curve_of_one(two: dict[str, Any], one: list[list[float]], parallel: str) -> None:
    found = two[f"{parallel}-whole"]
    assert ("DTensor" in found["kinds"]) == (parallel == "fsdp2")
    assert len(found["curve"]) == STEPS
    for line, expected in zip(found["curve"], one, strict=True):
        assert line == pytest.approx(expected, rel=TOLERANCE)


@pytest.mark.parametrize("parallel", ["ddp", "fsdp2"])
def test_one_process_goes_on_where_two_stopped(
    two: dict[str, Any], one: list[list[float]], folder: Path, parallel: str
) -> None:
    out = folder / f"{parallel}-broken"
    checkpoint = latest_checkpoint(out)
    assert checkpoint is not None
    state = read_state(checkpoint)
    assert (state["step"], state["world"]) == (BROKEN_AFTER, 2)
    found = run(f"{parallel}-broken", out, folder / f"stores-{parallel}-broken-0")
    assert "DTensor" not in found["kinds"]
    assert len(found["curve"]) == STEPS
    for line, expected in zip(found["curve"], one, strict=True):
        assert line == pytest.approx(expected, rel=TOLERANCE)
