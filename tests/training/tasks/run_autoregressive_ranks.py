"""Trains a small autoregressive generator over real ranks and writes what came out as JSON.

Its blocks run twice a step, over the caption and over the picture, and only keys and values of the first run are used:
what sharded weights must bear. Run as `torchrun --nproc-per-node N -m tests.training.tasks.run_autoregressive_ranks
FOLDER`; test_autoregressive.py compares two processes with one.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch

from pairsmith.generators.autoregressive import AutoregressiveSettings
from pairsmith.training import Ranks, TrainingSettings, load_weights, read_ranks, train
from pairsmith.training.tasks.autoregressive import AutoregressiveTask
from tests.generators.autoregressive.models import CONFIG, make_autoregressive
from tests.stages.models import CAPTIONS, make_synthesizer
from tests.training.ranks import run_all

SCENARIOS = ["ddp", "fsdp2"]
ROWS = 4


class PairFeed:
    """Rows that are a pure function of (step, row); rank r of w has the r-th share of each batch."""

    def __init__(self, ranks: Ranks) -> None:
        self.rank, self.world = ranks.rank, ranks.world

    def batch(self, step: int) -> dict[str, Any]:
        share = ROWS // self.world
        rows = [(step * 7 + row) % len(CAPTIONS) for row in range(self.rank * share, (self.rank + 1) * share)]
        tokens = [torch.randint(0, 32, (16,), generator=torch.Generator().manual_seed(row)) for row in rows]
        return {"caption": [CAPTIONS[row] for row in rows], "tokens": torch.stack(tokens)}


def make_task() -> AutoregressiveTask:
    """No caption is dropped: which ones would depend on the rank."""
    encoder = make_synthesizer().text_encoder
    sizes = {"codebook_size": 32, "text_dim": encoder.dim, "max_text": encoder.max_length, "text_layers": 1}
    model = make_autoregressive(CONFIG.model_copy(update=sizes), noisy=False)
    return AutoregressiveTask(model, encoder, AutoregressiveSettings(caption_dropout=0.0))


def run(parallel: str, out: Path) -> dict[str, Any]:
    """One scenario: loss curve and final weights."""
    settings = TrainingSettings(
        steps=2,
        batch_size=ROWS,
        learning_rate=1e-3,
        log_every=1,
        device="cpu",
        parallel=parallel,
        tensorboard=False,
    )
    task = make_task()
    result = train(task, PairFeed(read_ranks()), settings, out)
    fresh = make_task()
    load_weights(out, fresh.modules)
    return {
        "losses": [line["loss"] for line in result.history],
        "weights": [item.parameter.flatten().tolist() for item in fresh.parameters("main")],
        "kinds": sorted({type(parameter).__name__ for parameter in task.model.parameters()}),
    }


if __name__ == "__main__":
    run_all(SCENARIOS, run, Path(sys.argv[1]))
