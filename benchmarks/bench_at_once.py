"""Encoders trained side by side, a core each, beside the same ones trained one after the other with all cores.

Run with: python benchmarks/bench_at_once.py [--encoders 4] [--epochs 24]

The encoders are those of the recipe `polygen`, preset tiny, on true pictures of scenes. Both ways train from nothing in
turn, processes and their imports included; what is told is steps a second over all encoders, and the ratio.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from pairsmith.cores import usable_cores
from pairsmith.pairs import PairStore
from pairsmith.recipes.place import Place
from pairsmith.recipes.polygen.presets import TINY
from pairsmith.recipes.reporter import Reporter, Silent
from pairsmith.recipes.side_by_side import do_all
from pairsmith.scenes import World
from pairsmith.scenes.datasets import scene_pairs
from pairsmith.training.clip.run import train_dual_encoder

PICTURES = 1536


def trainer(folder: Path, store: Path, epochs: int, reporter: Reporter) -> Callable[[int], None]:
    """Trains the encoder of a seed."""

    def train(seed: int) -> None:
        training = TINY.clip.training.model_copy(update={"seed": seed, "device": "cpu"})
        settings = TINY.clip.model_copy(update={"training": training, "epochs": epochs})
        train_dual_encoder(PairStore(store), settings, folder / str(seed))

    return train


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoders", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=24)
    given = parser.parse_args()
    cores = usable_cores()
    torch.set_num_threads(cores)
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        PairStore.write(folder / "pairs", scene_pairs(World(TINY.world), "real", PICTURES, seed=0), settings={})
        steps = given.encoders * given.epochs * (PICTURES // TINY.clip.training.batch_size)
        rates = {}
        for at_once in (1, cores):
            begun = time.perf_counter()
            begin = partial(trainer, folder / f"at-once-{at_once}", folder / "pairs", given.epochs)
            do_all(begin, range(given.encoders), at_once, Place(), Silent())
            rates[at_once] = steps / (time.perf_counter() - begun)
            print(f"{given.encoders} encoders, {at_once} at a time: {rates[at_once]:.1f} steps a second")
    print(f"side by side over one after the other: {rates[cores] / rates[1]:.2f}")


if __name__ == "__main__":
    main()
