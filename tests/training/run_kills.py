"""Trains one small run straight through and again with kills at many points, each in a process of its own.

Run as `python -m tests.training.run_kills FOLDER`; test_resume.py reads what is left in FOLDER. The processes are
forked from this one, which has imported torch but never trains, so that a kill costs milliseconds.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch._dynamo  # every optimiser imports it, which takes seconds: once here, not in every child

from pairsmith.training import TrainingSettings, checkpoint, train
from tests.training.kills import at_call, die, forked, outcome
from tests.training.tiny import AdversarialTask, PointFeed

SETTINGS = TrainingSettings(
    steps=20,
    batch_size=8,
    micro_batch=4,
    learning_rate=1e-2,
    warmup_steps=3,
    decay="cosine",
    ema=0.9,
    log_every=3,
    checkpoint_every=5,
    device="cpu",
)


def write_half(number: int) -> Callable:
    """`save_file` whose call `number` leaves half a file."""
    real, calls = checkpoint.save_file, [0]

    def wrapped(tensors: dict, path: Path) -> None:
        calls[0] += 1
        real(tensors, path)
        if calls[0] == number:
            os.truncate(path, path.stat().st_size // 2)
            die()

    return wrapped


def run(out: Path, point: str = "", slow: float = 0.0) -> None:
    """Train in this process, with the kill that `point` names."""
    task, feed = AdversarialTask(dropout=0.2), PointFeed()
    loss, batch = task.loss, feed.batch
    kind, _, text = point.partition(":")
    number = int(text or 0)
    if kind == "in-step":
        task.loss = lambda b, phase, step, g: (
            die() if (phase, step) == (task.phases[1], number) else loss(b, phase, step, g)
        )
    elif kind == "in-feed":
        feed.batch = lambda step: die() if step == number else batch(step)
    elif kind == "half-model":
        checkpoint.save_file = write_half(2 * number - 1)  # every checkpoint saves the model, then the average
    elif kind == "half-average":
        checkpoint.save_file = write_half(2 * number)
    elif kind == "before-sync":
        checkpoint.sync_file = at_call(4 * (number - 1) + 2, checkpoint.sync_file)
    elif kind == "before-rename":
        checkpoint.sync_folder = at_call(2 * number - 1, checkpoint.sync_folder, before=False)
    elif kind == "after-rename":
        checkpoint.sync_folder = at_call(2 * number, checkpoint.sync_folder)
    elif kind == "after-checkpoint":
        checkpoint.write_checkpoint = at_call(number, checkpoint.write_checkpoint, before=False)
    if slow:
        feed.batch = lambda step: time.sleep(slow) or batch(step)

    def evaluate(step: int) -> dict[str, float]:
        if kind == "in-evaluation" and step == number:
            die()
        return {"mean": float(task.modules["generator"](torch.ones(1, 2)).mean()), "draw": torch.rand(1).item()}

    train(task, feed, SETTINGS, out, evaluate=evaluate, evaluate_every=4)


POINTS = {
    "before-any-checkpoint": ["in-step:3"],
    "between-checkpoints": ["in-step:13"],
    "at-the-first-step-after-a-checkpoint": ["in-step:10"],
    "in-the-feed": ["in-feed:16"],
    "half-model": ["half-model:2"],
    "half-average": ["half-average:3"],
    "before-sync": ["before-sync:2"],
    "before-rename": ["before-rename:2"],
    "after-rename": ["after-rename:3"],
    "after-checkpoint": ["after-checkpoint:2"],
    "in-the-last-checkpoint": ["half-model:4"],
    "after-the-last-checkpoint": ["after-checkpoint:4"],
    "in-evaluation": ["in-evaluation:8"],
    "three-times": ["in-step:8", "half-average:1", "in-evaluation:16"],
    "from-outside": ["outside"],
}
"""Scenario -> the kills of its processes, one after the other."""


def main(folder: Path) -> None:
    """All scenarios; each leaves its run and the outcomes of its processes."""
    assert outcome(forked(lambda: run(folder / "straight"))) == 0
    for name, kills in POINTS.items():
        out = folder / name
        outcomes = []
        for kill in kills:
            if kill == "outside":
                child = forked(lambda out=out: run(out, slow=0.02))
                log = out / "log.jsonl"
                while not log.is_file() or len(log.read_text().splitlines()) < 3:
                    time.sleep(0.002)
                os.kill(child, signal.SIGKILL)
            else:
                child = forked(lambda out=out, kill=kill: run(out, kill))
            outcomes.append(outcome(child))
        outcomes.append(outcome(forked(lambda out=out: run(out))))
        (out / "outcomes.txt").write_text(" ".join(map(str, outcomes)))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]))
