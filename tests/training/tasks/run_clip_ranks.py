"""Trains small dual encoders on the ranks that torchrun started; rank 0 writes losses and weights as JSON.

Run as `torchrun --nproc-per-node N -m tests.training.tasks.run_clip_ranks STORE FOLDER`; test_clip.py compares two
processes with one.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from safetensors.torch import load_file

from pairsmith.clip.curriculum import CurriculumSettings
from pairsmith.clip.saving import WEIGHTS_NAME
from pairsmith.pairs import PairStore
from pairsmith.training import read_ranks
from pairsmith.training.clip.run import MODEL_FOLDER, train_dual_encoder
from pairsmith.training.tasks.clip import ClipLossSettings
from tests.training.clip.data import make_settings

SCENARIOS: dict[str, dict[str, Any]] = {
    "images": {
        "views": 2,
        "loss": ClipLossSettings(negatives="images", views_weight=1.0, views_head=24),
        "curriculum": CurriculumSettings(shape="linear", share=0.5, epochs=1),
    },
    "texts": {
        "loss": ClipLossSettings(negatives="texts", rank_weight=0.2),
        "curriculum": CurriculumSettings(shape="constant", share=0.3),
    },
    "diht": {"loss": ClipLossSettings(contrast="diht")},
}


def run(name: str, store: Path, out: Path) -> dict[str, Any]:
    """One scenario: the loss curve and the final weights."""
    parallel = "ddp" if read_ranks().world > 1 else "none"
    settings = make_settings(steps=5, training={"parallel": parallel}, **SCENARIOS[name])
    result = train_dual_encoder(PairStore(store), settings, out)
    if read_ranks().rank:
        return {}
    weights = load_file(out / MODEL_FOLDER / WEIGHTS_NAME)
    return {
        "losses": [line["loss"] for line in result.history],
        "negatives": [line["negatives"] for line in result.history],
        "weights": {key: value.flatten().tolist() for key, value in weights.items()},
    }


def main(store: Path, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    found = {name: run(name, store, folder / name) for name in SCENARIOS}
    if read_ranks().rank == 0:
        (folder / "found.json").write_text(json.dumps(found))
    dist.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
