"""Vectors gathered on the disk: the last value of each row, NaN without one, and no room is told."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest

from pairsmith.errors import InputError
from pairsmith.execution.parts import ScoredRows
from pairsmith.execution.vector_rows import gather_vectors
from pairsmith.pairs.remote import as_folder


def part(ids: str, first: float, failed: str = "", dtype=np.float32) -> ScoredRows:
    values = np.arange(first, first + 2 * len(ids), dtype=dtype).reshape(-1, 2)
    return ScoredRows(list(ids), values, ["no picture" if name in failed else None for name in ids])


@pytest.mark.parametrize("where", ["disk", "memory"])
def test_of_each_row_the_last_value_counts(tmp_path: Path, where: str) -> None:
    folder = tmp_path if where == "disk" else as_folder("memory://bucket/.parts")
    parts = [part("abc", 0), part("dx", 10, failed="d"), part("b", 20)]
    found = gather_vectors(iter(parts), {name: at for at, name in enumerate("dcba")}, 4, folder)
    np.testing.assert_array_equal(found, [[np.nan, np.nan], [4, 5], [20, 21], [0, 1]])
    assert found.dtype == np.float32
    assert list(tmp_path.iterdir()) == []  # nothing that a kill could leave


def test_integers_and_nothing_at_all(tmp_path: Path) -> None:
    assert gather_vectors([part("a", 3, dtype=np.uint8)], {"a": 0}, 1, tmp_path).tolist() == [[3, 4]]
    assert gather_vectors([part("a", 0, failed="a")], {"a": 0}, 3, tmp_path).shape == (3, 0)


def test_parts_of_other_widths_are_refused(tmp_path: Path) -> None:
    wide = ScoredRows(["b"], np.zeros((1, 3), np.float32), [None])
    with pytest.raises(InputError, match="different widths"):
        gather_vectors([part("a", 0), wide], {"a": 0, "b": 1}, 2, tmp_path)


def test_no_room_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(InputError, match=rf"{tmp_path}: 0 MiB of vectors: no room \(No space left"):
        gather_vectors([part("a", 0)], {"a": 0}, 1, tmp_path)


def test_a_disk_that_maps_no_files_is_gone_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, tried = tempfile.TemporaryFile, []

    def file(dir: Path | None) -> object:
        tried.append(dir)
        if dir is not None:
            raise OSError(19, "No such device")
        return here()

    monkeypatch.setattr(tempfile, "TemporaryFile", file)
    assert gather_vectors([part("a", 3)], {"a": 0}, 1, tmp_path).tolist() == [[3, 4]]
    assert tried == [tmp_path, None]


def test_numbers_among_vectors_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="different widths"):
        gather_vectors([ScoredRows(["a"], np.zeros(1), [None])], {"a": 0}, 1, tmp_path)


def test_integers_become_floats_where_rows_may_lack_them(tmp_path: Path) -> None:
    found = gather_vectors([part("ab", 3, failed="b", dtype=np.uint8)], {"a": 0}, 2, tmp_path, np.float32)
    np.testing.assert_array_equal(found, [[3, 4], [np.nan, np.nan]])
