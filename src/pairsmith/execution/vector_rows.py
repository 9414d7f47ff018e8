"""Vectors of all rows of a store, on the disk: more of them than fit into memory pass through."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from pairsmith.errors import InputError
from pairsmith.execution.parts import ScoredRows
from pairsmith.pairs.remote import RemotePath


def gather_vectors(
    parts: Iterable[ScoredRows], places: Mapping[str, int], count: int, folder: Path, dtype: type | None = None
) -> np.ndarray:
    """The vectors of many parts in one array, which lies in a file without a name: it is gone with the array.

    Args:
        parts: each is let go before the next one is asked for. Of a row that several have a value of, the last counts.
        places: id -> where in the array; rows that are not named are left out.
        count: of rows.
        folder: on whose disk the file lies; of a store elsewhere, on that for temporary files.
        dtype: of the array; None: the parts'.

    Returns:
        [count, D]; NaN, of integers 0, where no part has a value. [count, 0] where none has any.

    Raises:
        InputError: parts of different widths, or the disk is full.
    """
    array: np.ndarray | None = None
    for part in parts:
        given = [(places[name], at) for at, name in enumerate(part.ids) if part.reasons[at] is None and name in places]
        if not given:
            continue
        if part.values.ndim == 2 and array is None:
            array = _array_on_disk((count, part.values.shape[1]), np.dtype(dtype or part.values.dtype), folder)
        if array is None or part.values.shape[1:] != array.shape[1:]:
            raise InputError("parts of one score hold values of different widths: delete its folder of parts")
        to, of = np.array(given, np.int64).T
        array[to] = part.values[of]
    return np.zeros((count, 0), np.float32) if array is None else array


def _array_on_disk(shape: tuple[int, int], dtype: np.dtype, folder: Path) -> np.ndarray:
    size = max(1, shape[0] * shape[1] * dtype.itemsize)
    places = [None] if isinstance(folder, RemotePath) else [folder, None]
    for place in places:
        try:
            with tempfile.TemporaryFile(dir=place) as file:
                _reserve(file.fileno(), size)
                array = np.memmap(file, dtype, "r+", shape=shape)
            break
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            if full or place is None:  # else a file system that maps no files
                why = "no room" if full else "no way to keep them on the disk"
                where = place or tempfile.gettempdir()
                message = f"{where}: {size / 2**20:,.0f} MiB of vectors: {why} ({error.strerror})"
                raise InputError(message) from error
    if np.issubdtype(dtype, np.floating):
        array[:] = np.nan
    return array


def _reserve(descriptor: int, size: int) -> None:
    """Take the room now: a page of a mapped file that the disk has no room for kills the process."""
    os.truncate(descriptor, size)
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(descriptor, 0, size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):  # of file systems that reserve nothing
                raise
