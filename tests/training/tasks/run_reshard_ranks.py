"""Trains a small VLM on rows of a pair store over real ranks, and breaks off in the middle; JSON of what came out.

Run as `torchrun --nproc-per-node N -m tests.training.tasks.run_reshard_ranks FOLDER`; test_reshard.py compares two
processes with one, and goes on in one process where two stopped.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

import numpy as np

from pairsmith.pairs import Pair, PairStore, imported_id
from pairsmith.pairs.feed import Feed, MixedFeed, PairSource
from pairsmith.training import TrainingSettings, read_ranks, train
from tests.stages.models import CAPTIONS
from tests.training.ranks import run_all
from tests.training.tasks.run_vlm_ranks import make_task

SCENARIOS = [f"{parallel}-{end}" for parallel in ("ddp", "fsdp2") for end in ("whole", "broken")]
STEPS, BROKEN_AFTER, BATCH = 10, 6, 8


class Stop(Exception):
    """Raised to break a run off."""


def make_store(folder: Path, kind: str) -> PairStore:
    """Captions with tokens that follow from them; more rows than the batches of one epoch."""
    rows = [
        Pair(
            id=imported_id(kind, str(number)),
            caption=CAPTIONS[number % len(CAPTIONS)],
            group=CAPTIONS[number % len(CAPTIONS)],
            tokens=np.random.default_rng(number % len(CAPTIONS)).integers(0, 32, 16),
        )
        for number in range(30)
    ]
    return PairStore.write(folder, rows, settings={"kind": kind}, num_tokens=16, shard_rows=7)


def run(name: str, out: Path, stores: Path | None = None) -> dict[str, Any]:
    """One scenario, or what is left of it: the loss curve with the gradient's norm, and how the weights lay."""
    parallel, end = name.split("-")
    ranks = read_ranks()
    stores = stores or out.parent / f"stores-{name}-{ranks.rank}"  # each rank makes its own: the bytes are equal
    columns = ["caption", "tokens", "group"]
    sides = [
        Feed(PairSource(make_store(stores / kind, kind), columns), BATCH, seed, ranks.rank, ranks.world)
        for seed, kind in enumerate(("real", "synthetic"))
    ]
    settings = TrainingSettings(
        steps=STEPS,
        batch_size=BATCH,
        learning_rate=3e-3,
        log_every=1,
        checkpoint_every=3,
        device="cpu",
        parallel=parallel,  # type: ignore[arg-type]
        tensorboard=False,
    )
    task = make_task("tokens")

    def broken_off(step: int) -> dict[str, float]:
        if end == "broken" and step > BROKEN_AFTER and ranks.world > 1:
            raise Stop
        return {}

    with contextlib.suppress(Stop):
        result = train(task, MixedFeed(*sides, 0.5), settings, out, evaluate=broken_off, evaluate_every=1)
        return {"curve": curve(result.history), "kinds": kinds(task)}
    return {"curve": [], "kinds": kinds(task)}


def curve(history: list[dict[str, Any]]) -> list[list[float]]:
    """[loss, of real rows, of synthetic rows, norm of the gradient] of each step."""
    return [[line[key] for key in ("loss", "real", "synthetic", "gradient_norm")] for line in history]


def kinds(task: Any) -> list[str]:
    """What parameters are: sharded or whole."""
    return sorted({type(parameter).__name__ for parameter in task.model.parameters()})


if __name__ == "__main__":
    run_all(SCENARIOS, run, Path(sys.argv[1]))
