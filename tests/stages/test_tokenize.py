from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from pairsmith.pairs import Pair, PairStore, imported_id
from pairsmith.pairs.images import load_pixels
from pairsmith.scenes import World, WorldSettings, draw
from pairsmith.scenes.datasets import encode_png
from pairsmith.stages.tokenize import tokenize_images
from tests.stages.models import make_tokenizer


def store_of_scenes(folder: Path, count: int = 10, broken: int | None = None) -> PairStore:
    world, rng = World(WorldSettings()), np.random.default_rng(0)
    pictures = [encode_png(draw(world.sample(rng), 16)) for _ in range(count)]
    if broken is not None:
        pictures[broken] = pictures[broken][:60]
    pairs = [Pair(id=imported_id("test", str(i)), caption=f"scene {i}", image=data) for i, data in enumerate(pictures)]
    return PairStore.write(folder, pairs, settings={"scenes": count})


def test_tokens_are_those_of_the_tokenizer(tmp_path: Path) -> None:
    store, tokenizer = store_of_scenes(tmp_path / "in"), make_tokenizer()
    made = tokenize_images(store, tokenizer, tmp_path / "out", batch_rows=3)
    pixels = torch.stack([torch.from_numpy(load_pixels(pair.image, 16)) for pair in store.iter_pairs()])
    assert (made.column_matrix("tokens") == tokenizer.encode(pixels).numpy()).all()
    assert made.ids() == store.ids()
    assert made.manifest.tokenizer == tokenizer.fingerprint()
    assert all(pair.image is None for pair in made.iter_pairs())


def test_a_broken_picture_becomes_a_failed_row_with_its_reason(tmp_path: Path) -> None:
    store = store_of_scenes(tmp_path / "in", broken=4)
    made = tokenize_images(store, make_tokenizer(), tmp_path / "out")
    assert made.counts() == {"ok": 9, "filtered": 0, "failed": 1}
    failed = next(iter(made.iter_pairs(status="failed")))
    assert failed.id == store.ids()[4]
    assert "image" in failed.reason
