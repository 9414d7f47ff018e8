"""A score while it is being made: finished parts in a hidden folder beside the sidecar, each renamed into place whole.

A killed run leaves its finished parts, and the next one computes only the rows that no part holds. Parts keep the
settings they were made with, so that values of two models are never mixed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pairsmith.errors import InputError
from pairsmith.pairs.atomic import crash_point, sweep_temporaries
from pairsmith.pairs.lock import FolderLock
from pairsmith.pairs.remote import RemotePath
from pairsmith.pairs.sidecars import read_table, write_table
from pairsmith.settings import canonical_json, first_difference


@dataclass(frozen=True, eq=False)
class ScoredRows:
    """What is known of some rows.

    Attributes:
        ids: of the rows, [n].
        values: [n] or [n, D], float64, float32 or uint8; anything where there is a reason.
        reasons: why a row has no value; None where it has one, [n].
    """

    ids: list[str]
    values: np.ndarray
    reasons: list[str | None]


@dataclass(frozen=True, eq=False)
class PartTask:
    """Some rows of a store.

    Attributes:
        index: of the part, from 0.
        positions: of the rows, int64 [n].
        missing: score -> which of the rows it lacks, bool [n].
    """

    index: int
    positions: np.ndarray
    missing: Mapping[str, np.ndarray]

    def __str__(self) -> str:
        return f"part {self.index}"


class Parts:
    """The parts of one score, held by one process at a time.

    Args:
        folder: of the parts; made when it is not there.
        settings: what decides the values, as JSON values.

    Attributes:
        folder: of the parts.

    Raises:
        InputError: another process is at it, or parts of other settings lie there.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{folder}: the folder cannot be made ({error.strerror})") from error
        self.folder = folder
        self._settings = json.loads(canonical_json(dict(settings)))
        self._lock = FolderLock(folder)
        sweep_temporaries(folder)
        self._next = 1 + max((int(path.stem.partition("-")[2]) for path in self._files()), default=-1)

    def read(self) -> Iterator[ScoredRows]:
        """All parts that are there, in the order in which they were made.

        Raises:
            InputError: made with other settings.
        """
        for path in self._files():
            table, about = read_table(path)
            difference = first_difference(about["settings"], self._settings)
            if difference:
                raise InputError(
                    f"{self.folder} holds an unfinished score with other settings: {difference}; finish that one with "
                    "its settings, give this one another name, or delete the folder"
                )
            yield rows_of_table(table)

    def add(self, rows: ScoredRows) -> None:
        """Keep some more rows."""
        number = self._next
        path = self.folder / f"part-{number:05d}.parquet"
        crash_point("rows-made", number + 1)
        table = table_of_rows(rows)
        write_table(path, table, {"settings": self._settings})
        crash_point("renamed", number + 1)
        self._next += 1

    def remove(self) -> None:
        """Take the folder away: all is in the sidecar."""
        if isinstance(self.folder, RemotePath):
            for path in self._files():
                path.unlink(missing_ok=True)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.release()

    def release(self) -> None:
        """Let other processes write."""
        self._lock.release()

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("part-*.parquet"), key=str)


def table_of_rows(rows: ScoredRows) -> pa.Table:
    """Columns id, value (a number or a list of fixed length) and reason."""
    values = np.ascontiguousarray(rows.values)
    flat: pa.Array = pa.array(values.reshape(-1))
    column = flat if values.ndim == 1 else pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
    return pa.table(
        {"id": pa.array(rows.ids, pa.string()), "value": column, "reason": pa.array(rows.reasons, pa.string())}
    )


def rows_of_table(table: pa.Table) -> ScoredRows:
    """What `table_of_rows` made a table of."""
    column = table.column("value").combine_chunks()
    if pa.types.is_fixed_size_list(column.type):
        values = column.flatten().to_numpy().reshape(len(table), column.type.list_size)
    else:
        values = column.to_numpy()
    return ScoredRows(table.column("id").to_pylist(), values, table.column("reason").to_pylist())


def scored_rows(ids: Mapping[int, str], values: Mapping[int, np.ndarray], reasons: Mapping[int, str]) -> ScoredRows:
    """What was computed of some rows, by numbers that the caller gives them.

    Args:
        ids: of the rows, in their order.
        values: of those that could be computed; a row that has a reason, too, has no value that counts.
        reasons: of those that could not.
    """
    some = next(iter(values.values()), np.zeros(()))
    table = np.zeros((len(ids), *some.shape), some.dtype)
    for place, number in enumerate(ids):
        if number in values:
            table[place] = values[number]
    return ScoredRows(list(ids.values()), table, [reasons.get(number) for number in ids])


def join_rows(parts: Sequence[ScoredRows]) -> ScoredRows:
    """Several as one; a part without any value, whose width nobody could know, takes the others' width."""
    shaped = [part for part in parts if len(part.ids) and any(reason is None for reason in part.reasons)]
    width = shaped[0].values.shape[1:] if shaped else ()
    dtype = shaped[0].values.dtype if shaped else np.dtype(np.float64)
    if any(part.values.shape[1:] != width or part.values.dtype != dtype for part in shaped):
        raise InputError("parts of one score hold values of different widths: delete its folder of parts")
    values = [
        part.values if part.values.shape[1:] == width and part.values.dtype == dtype
        else np.zeros((len(part.ids), *width), dtype)
        for part in parts
    ]  # fmt: skip
    return ScoredRows(
        [name for part in parts for name in part.ids],
        np.concatenate(values) if values else np.zeros(0),
        [reason for part in parts for reason in part.reasons],
    )
