"""Vectors of all rows of a store, on the disk: more of them than fit into memory pass through."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from pairsmith.errors import InputError
from pairsmith.execution.parts import ScoredRows
from pairsmith.pairs.remote import RemotePath


def gather_vectors(parts: Iterable[ScoredRows], places: Mapping[str, int], count: int, folder: Path) -> np.ndarray:
    """The vectors of many parts in one array, which lies in a file without a name: it is gone with the array.

    Args:
        parts: each is let go before the next one is asked for. Of a row that several have a value of, the last counts.
        places: id -> where in the array; rows that are not named are left out.
        count: of rows.
        folder: on whose disk the file lies; of a store elsewhere, on that for temporary files.

    Returns:
        [count, D] of the parts' dtype; NaN, of integers 0, where no part has a value. [count, 0] where none has any.

    Raises:
        InputError: parts of different widths, or the disk is full.
    """
    array: np.ndarray | None = None
    for part in parts:
        given = [(places[name], at) for at, name in enumerate(part.ids) if part.reasons[at] is None and name in places]
        if not given:
            continue
        if array is None:
            array = _array_on_disk((count, part.values.shape[1]), part.values.dtype, folder)
        if part.values.shape[1:] != array.shape[1:] or part.values.dtype.kind != array.dtype.kind:
            raise InputError("parts of one score hold values of different widths: delete its folder of parts")
        to, of = np.array(given, np.int64).T
        array[to] = part.values[of]
    return np.zeros((count, 0), np.float32) if array is None else array


def _array_on_disk(shape: tuple[int, int], dtype: np.dtype, folder: Path) -> np.ndarray:
    size = max(1, shape[0] * shape[1] * dtype.itemsize)
    try:
        with tempfile.TemporaryFile(dir=None if isinstance(folder, RemotePath) else folder) as file:
            _reserve(file.fileno(), size)
            array = np.memmap(file, dtype, "r+", shape=shape)
    except OSError as error:
        raise InputError(f"{folder}: no room for {size / 2**20:,.0f} MiB of vectors ({error.strerror})") from error
    if np.issubdtype(dtype, np.floating):
        array[:] = np.nan
    return array


def _reserve(descriptor: int, size: int) -> None:
    """Take the room now: a page of a mapped file that the disk has no room for kills the process."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
    else:
        os.truncate(descriptor, size)
