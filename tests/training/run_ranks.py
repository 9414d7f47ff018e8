"""Trains small tasks on all the processes that torchrun started; rank 0 writes what came out of it as JSON.

Run as `torchrun --nproc-per-node N -m tests.training.run_ranks FOLDER`; test_distributed.py compares the numbers of
two processes with those of one.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

from pairsmith.training import TrainingSettings, load_weights, read_ranks, train
from pairsmith.training.task import Task
from tests.training.ranks import run_all
from tests.training.tiny import AdversarialTask, PointFeed, TokenFeed, TokenTask

SCENARIOS: dict[str, dict[str, Any]] = {
    "ddp": {"parallel": "ddp"},
    "ddp-accumulated": {"parallel": "ddp", "micro_batch": 2},
    "ddp-average": {"parallel": "ddp", "ema": 0.9},
    "fsdp2": {"parallel": "fsdp2"},
    "fsdp2-accumulated": {"parallel": "fsdp2", "micro_batch": 2},
    "fsdp2-average": {"parallel": "fsdp2", "ema": 0.9},
    "adversarial": {"parallel": "ddp"},
}


class Stop(Exception):
    """Raised to break a run off."""


def settings_of(name: str) -> TrainingSettings:
    """Of a scenario, whatever the number of processes."""
    return TrainingSettings(
        steps=12, batch_size=8, learning_rate=1e-2, log_every=1, checkpoint_every=4, device="cpu", **SCENARIOS[name]
    )


def run(name: str, out: Path) -> dict[str, Any]:
    """One scenario: train, break off after 8 steps, go on in a fresh task; loss curve, scores and final weights."""
    ranks = read_ranks()
    settings = settings_of(name)
    adversarial = name == "adversarial"
    make_task = (lambda: AdversarialTask(noise=False)) if adversarial else TokenTask
    feed = (PointFeed if adversarial else TokenFeed)(8, ranks.rank, ranks.world)
    probe = PointFeed().batch(99) if adversarial else TokenFeed().batch(99)["tokens"]

    def evaluate_with(task: Task):
        module = next(iter(task.modules.values()))
        return lambda step: {"score": module(probe).square().mean().item()}

    def broken_off(step: int) -> dict[str, float]:
        if step == 9:
            raise Stop
        return evaluate_with(task)(step)

    task = make_task()
    with contextlib.suppress(Stop):
        train(task, feed, settings, out, evaluate=broken_off, evaluate_every=3)
    task = make_task()
    result = train(task, feed, settings, out, evaluate=evaluate_with(task), evaluate_every=3)
    fresh = make_task()
    load_weights(out, fresh.modules)
    return {
        "history": [{key: line[key] for key in line if "loss" in key or "norm" in key} for line in result.history],
        "parts": [line.get("long") for line in result.history],
        "scores": [line["score"] for line in result.evaluations] if ranks.rank == 0 else [],
        "weights": [p.flatten().tolist() for module in fresh.modules.values() for p in module.parameters()],
        "sharded": type(next(next(iter(task.modules.values())).parameters())).__name__,
    }


if __name__ == "__main__":
    run_all(SCENARIOS, run, Path(sys.argv[1]))
