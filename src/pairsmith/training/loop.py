"""The training loop: the same for every model, resumable to the bit.

Batches, dropout and masks are pure functions of the step, so a run that was killed and started again with the same
call ends with the same weights as one that ran through.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

from pairsmith.errors import InputError
from pairsmith.settings import canonical_json
from pairsmith.training.distributed import check_parallel, choose_device, process_group, read_ranks
from pairsmith.training.logging import Progress
from pairsmith.training.run import BatchSource, Evaluate, Run, TrainResult
from pairsmith.training.settings import TrainingSettings
from pairsmith.training.task import Task


def train(
    task: Task,
    feed: BatchSource,
    settings: TrainingSettings,
    out: Path,
    *,
    evaluate: Evaluate | None = None,
    evaluate_every: int | None = None,
    progress: Progress | None = None,
    inputs: Mapping[str, str] | None = None,
) -> TrainResult:
    """Train a task, or go on with a run that was begun in `out`; a finished run returns at once.

    Afterwards the task's modules hold the final weights (their moving average if `ema` is set) and are in eval mode.
    Under fsdp2 they stay sharded: load them into fresh modules with `load_weights`.

    Args:
        task: what to train.
        feed: its batches.
        settings: how.
        out: folder for checkpoints/, log.jsonl, evaluations.jsonl and tensorboard/.
        evaluate: called with the modules in eval mode, without gradient and with the averaged weights if there are
            any, every `evaluate_every` steps and at the end.
        evaluate_every: steps; None: at the end only.
        progress: shown the run while it goes on.
        inputs: name -> fingerprint of what the feed reads; a run is only resumed with the same.

    Raises:
        InputError: `out` holds a run with other settings, or the settings do not fit the machine or the feed.
        PairsmithError: the loss or a gradient is not finite; the step is named.
    """
    ranks = read_ranks()
    check_parallel(settings, ranks, task.phases)
    if settings.micro_batch and not task.sums_over_rows and settings.micro_batch * ranks.world < settings.batch_size:
        raise InputError("setting 'micro_batch': this loss compares the rows of a batch and cannot be accumulated")
    for name, wanted in (("batch_size", settings.batch_size), ("rank", ranks.rank), ("world", ranks.world)):
        if getattr(feed, name, wanted) != wanted:
            raise InputError(f"the feed's {name} is {getattr(feed, name)}, the run's is {wanted}; make them equal")
    device = choose_device(settings.device, ranks)
    identity = {"settings": settings.resume_settings(), "task": task.settings(), "inputs": dict(inputs or {})}
    identity = json.loads(canonical_json(identity))  # as it reads back from a checkpoint: tuples are lists
    with process_group(ranks, device), _borrowed_modules(task, device), _own_randomness(device):
        run = Run(task, feed, settings, Path(out), ranks, device, identity)
        return run.finished() or run.train(evaluate, evaluate_every, progress)


@contextmanager
def _borrowed_modules(task: Task, device: torch.device) -> Iterator[None]:
    """Modules on the device; afterwards in eval mode, with the same parameters trainable as before."""
    modules: list[nn.Module] = [*task.modules.values(), *task.frozen.values()]
    for module in modules:
        module.to(device)
    flags = [[parameter.requires_grad for parameter in module.parameters()] for module in modules]
    for module in task.frozen.values():
        module.eval()
    try:
        yield
    finally:
        for module, values in zip(modules, flags, strict=True):
            module.eval()
            for parameter, value in zip(module.parameters(), values, strict=True):
                parameter.requires_grad_(value)


@contextmanager
def _own_randomness(device: torch.device) -> Iterator[None]:
    """Leave torch's global generators as they were."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield
