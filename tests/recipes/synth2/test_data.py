"""The user's own pairs split into training and test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pairsmith.errors import InputError
from pairsmith.pairs import PairStore
from pairsmith.pairs.importers import import_pairs
from pairsmith.recipes.own_pairs import image_overlap
from pairsmith.recipes.synth2.data import Data, own_data
from tests.recipes.synth2.tiny import own_settings


def write_pictures(folder: Path, names: dict[str, int]) -> None:
    """Name -> the seed of its picture."""
    folder.mkdir()
    for name, seed in names.items():
        pixels = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")
        (folder / f"{name}.txt").write_text(f"picture {name}")


def split(tmp_path: Path, names: dict[str, int]) -> Data:
    write_pictures(tmp_path / "source", names)
    return own_data(own_settings(tmp_path / "lm"), tmp_path / "source", tmp_path / "data")


def test_a_picture_under_two_names_is_never_on_both_sides(tmp_path: Path) -> None:
    data = split(tmp_path, {f"{twin}{number}": number for number in range(12) for twin in "ab"})
    assert image_overlap(data.test, data.real)["in_training"] == 0
    assert len(data.pictures) + len(data.test) == 12
    assert len(data.real) + sum(len(pair.references) for pair in data.test.iter_pairs()) == 24
    for pair in data.test.iter_pairs():  # both captions of a picture are its references
        (number,) = {text.split()[1][1:] for text in pair.references}
        assert sorted(pair.references) == [f"picture a{number}", f"picture b{number}"]


def test_twins_do_not_count_as_pictures(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds 9 usable images"):
        split(tmp_path, {f"{twin}{number}": number for number in range(9) for twin in "ab"})


def test_overlap_counts_equal_pictures(tmp_path: Path) -> None:
    write_pictures(tmp_path / "source", {"a": 1, "b": 1, "c": 2, "d": 3})
    pairs = import_pairs(tmp_path / "source", tmp_path / "all")
    rows = {pair.image_path: pair for pair in pairs.iter_pairs()}
    test = PairStore.write(tmp_path / "test", [rows[f"{name}.png"] for name in "abc"], settings={})
    training = PairStore.write(tmp_path / "training", [rows[f"{name}.png"] for name in "cd"], settings={})
    assert image_overlap(test, training) == {"test": 3, "distinct": 2, "in_training": 1}
