"""Splits told by file names: chosen, refused when unclear, never mixed by accident."""

from __future__ import annotations

from pathlib import Path

import pytest

from pairsmith.errors import InputError
from pairsmith.pairs.importers.splits import files_of_split, split_of

FILES = [Path(name) for name in ("data/train-00000-of-00001.parquet", "data/test-00000-of-00001.parquet", "extra.bin")]


@pytest.mark.parametrize(
    ("file", "split"),
    [
        ("data/train-00000-of-00002.parquet", "train"),
        ("TEST-00000.parquet", "test"),
        ("validation/0.tar", "validation"),
        ("val2017/0.tar", "val"),
        ("valley.tar", None),
        ("trainees/0.tar", None),
        ("00000.tar", None),
    ],
)
def test_split_of_a_file(file, split):
    assert split_of(Path(file)) == split


def test_files_of_a_split():
    assert files_of_split(FILES, "train", Path("s")) == FILES[:1]
    assert files_of_split(FILES, "TEST", Path("s")) == FILES[1:2]
    assert files_of_split(FILES, "all", Path("s")) == FILES
    assert files_of_split(FILES[1:], None, Path("s")) == FILES[1:]


def test_several_splits_are_not_mixed_by_accident():
    with pytest.raises(InputError, match="test, train; choose one"):
        files_of_split(FILES, None, Path("s"))


def test_a_split_that_is_not_there():
    with pytest.raises(InputError, match="none of its 3 files belongs to split 'dev'"):
        files_of_split(FILES, "dev", Path("s"))
