"""Every loss on the ranks that torchrun started, features split evenly; rank 0 writes losses and gradients as JSON.

Run as `torchrun --nproc-per-node N -m tests.clip.run_gather FILE`; test_gather.py compares two processes with one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor

from pairsmith.clip import (
    Negatives,
    clip_loss,
    multi_positive_clip_loss,
    multi_positive_triplet_loss,
    negative_clip_loss,
    rank_loss,
    stablerep_plus_loss,
    triplet_clip_loss,
    view_loss,
    weighted_clip_loss,
)
from pairsmith.clip.contrast import Gather
from pairsmith.training.distributed import collect, read_ranks
from pairsmith.training.gather import gather_over
from tests.clip.references import unit

ROWS = 4
SHOWN = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])  # the caption of each of 8 images
SIDES = torch.tensor([False, True, False, True])
VALID, KINDS = torch.tensor([True, False, True, True]), torch.tensor([0, 1, 1, 0])
LABELS = torch.arange(ROWS)

Inputs = dict[str, Tensor]
Loss = Callable[[Inputs, Gather], Tensor]


def _extra(given: Inputs) -> Negatives:
    captions = torch.where(given["labels"] == 2, 0, -1)  # the third negative is true of caption 0
    return Negatives(given["false"], given["valid"], captions)


LOSSES: dict[str, Loss] = {
    "clip": lambda g, gather: clip_loss(g["one"], g["texts"], g["scale"], gather=gather),
    "multi-positive": lambda g, gather: multi_positive_clip_loss(
        g["images"], g["texts"], g["shown"], g["labels"], g["scale"], gather=gather
    ),
    "negclip": lambda g, gather: negative_clip_loss(g["one"], g["texts"], g["false"], g["scale"], gather=gather),
    "negatives": lambda g, gather: multi_positive_clip_loss(
        g["images"], g["texts"], g["shown"], g["labels"], g["scale"], negatives=_extra(g), gather=gather
    ),
    "triplet": lambda g, gather: triplet_clip_loss(
        g["one"], g["texts"], g["other"], g["false"], g["scale"], gather=gather
    ),
    "multi-triplet": lambda g, gather: multi_positive_triplet_loss(
        g["images"], g["texts"], g["shown"], g["labels"], g["sides"].repeat_interleave(2), g["sides"], g["scale"],
        gather=gather,
    ),
    "views": lambda g, gather: view_loss(g["images"], g["shown"], gather=gather),
    "stablerep-plus": lambda g, gather: stablerep_plus_loss(
        g["images"], g["texts"], g["images"], g["shown"], g["labels"], g["scale"], gather=gather
    ),
    "diht": lambda g, gather: weighted_clip_loss(
        g["images"], g["texts"], g["shown"], g["labels"], g["scale"], gather=gather
    ),
    "rank": lambda g, gather: rank_loss(
        g["one"], g["texts"], g["false"], g["valid"], g["kinds"], 2, g["scale"], gather=gather
    ),
}  # fmt: skip


def run(rank: int, world: int, gather: Gather) -> dict[str, dict[str, list[float]]]:
    """Loss share and gradients of this rank's rows, by loss."""
    whole = {
        "images": unit(2 * ROWS), "one": unit(ROWS, seed=1), "other": unit(ROWS, seed=2), "texts": unit(ROWS, seed=3),
        "false": unit(ROWS, seed=4), "shown": SHOWN, "labels": LABELS, "sides": SIDES, "valid": VALID, "kinds": KINDS,
    }  # fmt: skip
    found = {}
    for name, loss in LOSSES.items():
        own = {key: value.chunk(world)[rank].clone() for key, value in whole.items()}
        for value in own.values():
            value.requires_grad_(value.is_floating_point())
        own["scale"] = torch.tensor(9.0, dtype=torch.float64, requires_grad=True)
        share = loss(own, gather)
        share.backward()
        found[name] = {"loss": [share.item()]} | {
            key: value.grad.flatten().tolist() for key, value in own.items() if value.grad is not None
        }
    return found


def main(file: Path) -> None:
    torch.set_num_threads(1)
    ranks = read_ranks()
    dist.init_process_group("gloo")
    parts = collect(run(ranks.rank, ranks.world, gather_over(ranks)), ranks)
    if ranks.rank == 0:
        file.write_text(json.dumps(parts))
    dist.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
