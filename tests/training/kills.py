"""Processes that are killed, and what they leave: started by scripts of their own, compared by tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from pairsmith.training.checkpoint import AVERAGE, MODEL, latest_checkpoint, read_optimizer, read_state
from pairsmith.training.logging import LOG_NAME, Line, read_lines

ROOT = Path(__file__).resolve().parents[2]
TIMES = {
    "seconds",
    "steps_per_second",
    "rows_per_second",
    "tokens_per_second",
    "flops_per_second",
    "data_wait_seconds",
    "peak_memory_bytes",
}


def run_script(module: str, folder: Path) -> Path:
    """Let a module run its scenarios into a folder, in a process that can fork."""
    subprocess.run([sys.executable, "-m", module, str(folder)], cwd=ROOT, check=True)
    return folder


def die(*unused: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def at_call(number: int, real: Callable, before: bool = True) -> Callable:
    """`real`, but its call `number` (from 1) kills the process, before or after doing its work."""
    calls = [0]

    def wrapped(*given: object, **named: object) -> object:
        calls[0] += 1
        if calls[0] == number and before:
            die()
        result = real(*given, **named)
        if calls[0] == number:
            die()
        return result

    return wrapped


def forked(work: Callable[[], None]) -> int:
    """Start `work` in a child process; its process id."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:
            print(repr(error), file=sys.stderr)
            os._exit(1)
        os._exit(0)
    return child


def outcome(child: int) -> int:
    """Wait for a child: 0 for success, -9 for a kill."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def untimed(lines: list[Line]) -> list[Line]:
    """Lines of a log without what no two runs share."""
    return [{name: value for name, value in line.items() if name not in TIMES} for line in lines]


def assert_same_run(killed: Path, straight: Path, steps: int) -> None:
    """Both runs have made all steps and left the same bits: weights, average, moments, log."""
    checkpoints = [latest_checkpoint(killed), latest_checkpoint(straight)]
    assert None not in checkpoints
    ours, theirs = (path for path in checkpoints if path)
    assert read_state(ours)["step"] == read_state(theirs)["step"] == steps
    for file in (MODEL, AVERAGE):
        assert (ours / file).read_bytes() == (theirs / file).read_bytes()
    moments, expected = read_optimizer(ours), read_optimizer(theirs)
    assert {phase: set(states) for phase, states in moments.items()} == {
        phase: set(states) for phase, states in expected.items()
    }
    for phase, states in expected.items():
        for parameter, state in states.items():
            assert all(torch.equal(value, moments[phase][parameter][key]) for key, value in state.items())
    assert untimed(read_lines(killed / LOG_NAME)) == untimed(read_lines(straight / LOG_NAME))
