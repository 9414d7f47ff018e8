"""The user's own pairs: the sample that `most` takes of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pairsmith.recipes.own_pairs import OwnPairs, split_own_pairs

PICTURES = 60


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    for number in range(PICTURES):
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:02}.png")
        (folder / f"{number:02}.txt").write_text(f"picture {number}")
    return folder


def split(source: Path, folder: Path, most: int | None, seed: int = 0) -> OwnPairs:
    return split_own_pairs(source, folder, name="source", test=10, most=most, seed=seed, described={"most": most})


def test_the_sample_is_drawn_from_all_pairs_and_keeps_their_order(source: Path, tmp_path: Path) -> None:
    everything = split(source, tmp_path / "all", None)
    some = split(source, tmp_path / "some", 20)
    every, chosen = everything.training.ids(), some.training.ids()
    assert len(every) == PICTURES - 10
    assert len(chosen) == 20
    assert chosen == [row_id for row_id in every if row_id in set(chosen)]
    assert chosen != every[:20]
    assert max(every.index(row_id) for row_id in chosen) >= 30  # of 20 rows at random, surely one is in the last 20
    assert some.test.ids() == everything.test.ids()  # the test stays, whatever is learned from
    assert not set(chosen) & set(some.test.ids())


def test_seed_and_ids_alone_decide(source: Path, tmp_path: Path) -> None:
    first, again, other = (
        split(source, tmp_path / str(number), 20, seed).training.ids() for number, seed in enumerate((3, 3, 4))
    )
    assert first == again
    assert set(first) != set(other)
    more = split(source, tmp_path / "more", 30, 3).training.ids()
    assert set(first) < set(more)


def test_a_sample_of_more_than_there_are_is_all(source: Path, tmp_path: Path) -> None:
    assert len(split(source, tmp_path / "a", 1000).training) == PICTURES - 10
