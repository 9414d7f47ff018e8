"""Reading a store: rows in order, rows at random, and whole columns in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pairsmith.errors import InputError
from pairsmith.pairs.list_columns import stack_lists
from pairsmith.pairs.manifest import Manifest
from pairsmith.pairs.remote import as_folder
from pairsmith.pairs.schema import STATUS, Pair, make_schema, table_to_pairs
from pairsmith.pairs.shards import ShardFile
from pairsmith.pairs.writer import PairWriter
from pairsmith.settings import Settings, fingerprint

Status = Literal["ok", "filtered", "failed"] | None


class PairStore:
    """A finished folder of pairs.

    Positions (`pair`, `take`, `column`, `column_matrix`, `len`) count the rows whose status is "ok", in the order of
    the shards; what was filtered or failed is reached by `status=`, where None means every row. Opening reads the
    manifest and looks at the size of every shard; everything else is read when first needed. Not thread-safe while
    columns are loading; may be pickled and forked.

    Args:
        folder: the store, or its address on object storage (`s3://bucket/store`; see `remote`).
        partial: open a store that is still being made, with the rows that are there.

    Raises:
        InputError: no store, unreadable or newer manifest, unfinished without `partial`, a missing or torn shard.
    """

    def __init__(self, folder: Path | str, *, partial: bool = False) -> None:
        self.folder = as_folder(folder)
        self.manifest = Manifest.load(self.folder)
        if not self.manifest.complete and not partial:
            raise InputError(
                f"{self.folder} is unfinished: run the stage that makes it again, it goes on where it stopped"
            )
        self._partial = partial
        self._shards = [ShardFile(self.folder, entry, self.schema) for entry in self.manifest.shards]
        for shard in self._shards:
            shard.check_size()
        self._starts = np.cumsum([0, *(shard.rows for shard in self._shards)], dtype=np.int64)  # [S + 1]
        self._statuses: np.ndarray | None = None
        self._ok: np.ndarray | None = None
        self._columns: dict[str, pa.ChunkedArray] = {}
        self._matrices: dict[str, np.ndarray] = {}
        self._positions: dict[str, int] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self.folder, self._partial)

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of the rows."""
        return make_schema(self.manifest.num_tokens)

    @property
    def fingerprint(self) -> str:
        """16 hex digits that stand for the rows and how they were made: what a later stage records as its input."""
        return fingerprint([self.manifest.fingerprint, [[shard.rows, shard.sha256] for shard in self.manifest.shards]])

    def __len__(self) -> int:
        return len(self._ok_rows())

    def counts(self) -> dict[str, int]:
        """Number of rows by status."""
        statuses = self._all_statuses()
        return {name: int(np.count_nonzero(statuses == code)) for code, name in enumerate(STATUS)}

    def ids(self, status: Status = "ok") -> list[str]:
        """The ids of all rows of a status, in order of position."""
        column = self.column("id") if status == "ok" else self.table(["id"], status).column("id")
        return column.to_pylist()

    def positions(self, ids: Iterable[str]) -> np.ndarray:
        """Where ids stand, int64 [n].

        Raises:
            InputError: an id is unknown (or its row not "ok"), or stands for several rows of the store.
        """
        if self._positions is None:
            names = self.ids()
            self._positions = {name: at for at, name in enumerate(names)}
            if len(self._positions) < len(names):
                twice = next(name for at, name in enumerate(names) if self._positions[name] != at)
                self._positions = None
                raise InputError(f"{self.folder}: the id {twice} stands for more than one row")
        try:
            return np.fromiter((self._positions[name] for name in ids), np.int64)
        except KeyError as error:
            raise InputError(f"{self.folder} has no pair with the id {error.args[0]} and status ok") from None

    def table(self, columns: Sequence[str] | None = None, status: Status = "ok") -> pa.Table:
        """All rows of a status as one table in memory; `columns` None takes all."""
        names = self._check_columns(columns)
        wanted = None if status is None else STATUS.index(status)
        parts = [make_schema(self.manifest.num_tokens).empty_table().select(names)]
        for shard, statuses in self._shards_with_statuses():
            keep = None if wanted is None else statuses == wanted
            if keep is None or keep.all():
                parts.append(shard.read(names))
            elif keep.any():
                parts.append(shard.read(names).filter(pa.array(keep)))
        return pa.concat_tables(parts)

    def iter_pairs(self, columns: Sequence[str] | None = None, status: Status = "ok") -> Iterator[Pair]:
        """The rows of a status as pairs, holding one row group in memory.

        Args:
            columns: what to read besides `id`, `caption`, `status` and `reason`, which always come; None reads all.
        """
        names = self._check_columns(columns)
        if columns is not None:
            names = list(dict.fromkeys(["id", "caption", "status", "reason", *names]))
        for shard in self._shards:
            for group in shard.groups(names):
                if status is not None:
                    group = group.filter(pc.equal(group.column("status"), status))
                yield from table_to_pairs(group)

    def pair(self, index: int) -> Pair:
        """The pair at a position."""
        return table_to_pairs(self.take([index]))[0]

    def take(self, indices: Sequence[int] | np.ndarray, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows at `indices`, in that order; positions may repeat. Reads only the row groups concerned.

        Raises:
            InputError: a position outside 0..len-1, or a damaged shard.
        """
        names = self._check_columns(columns)
        positions = np.asarray(indices, np.int64).reshape(-1)
        if not len(positions):
            return self.schema.empty_table().select(names)
        if positions.min() < 0 or positions.max() >= len(self):
            raise InputError(
                f"{self.folder} has the positions 0..{len(self) - 1}, not {positions.min()}..{positions.max()}"
            )
        rows, back = np.unique(self._ok_rows()[positions], return_inverse=True)  # [U], [n]
        return self.take_rows(rows, names).take(pa.array(back))

    def take_rows(self, rows: np.ndarray, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of any status with the numbers `rows` (int64 [R], ascending, at least one; see `row_numbers`)."""
        names = self._check_columns(columns)
        shards = np.searchsorted(self._starts, rows, side="right") - 1  # [R]
        return pa.concat_tables(
            self._shards[shard].take(rows[shards == shard] - self._starts[shard], names) for shard in np.unique(shards)
        )

    def row_numbers(self) -> np.ndarray:
        """The number of each position's row among all rows, whatever their status, int64 [len(store)]."""
        return self._ok_rows()

    def shard_tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """All rows of any status, shard by shard."""
        names = self._check_columns(columns)
        return (shard.read(names) for shard in self._shards)

    def column(self, name: str) -> pa.ChunkedArray:
        """A whole column of the "ok" rows, kept in memory: for text and numbers, not for images."""
        if name not in self._columns:
            self._columns[name] = self.table([name]).column(name)
        return self._columns[name]

    def column_matrix(self, name: str) -> np.ndarray:
        """A list column of equal lengths as one array kept in memory, read-only.

        Args:
            name: "tokens".

        Returns:
            uint16 [n, N], n = len(store).

        Raises:
            InputError: a row has no list there, or one of another length.
        """
        if name not in self._matrices:
            matrix = self._stacked_by_shard(name) if len(self._shards) > 1 else None
            if matrix is None:  # one shard, whose memory can be shared; or lists that do not fit, which are explained
                matrix = stack_lists(self.table([name]).column(name), f"{self.folder}: column {name!r}")
            matrix.flags.writeable = False
            self._matrices[name] = matrix
        return self._matrices[name]

    def _stacked_by_shard(self, name: str) -> np.ndarray | None:
        """A list column as uint16 [n, N] with one shard besides it in memory; None where lists are no matrix."""
        matrix, at = None, 0
        for shard, statuses in self._shards_with_statuses():
            column = shard.read([name]).column(name).filter(pa.array(statuses == STATUS.index("ok")))
            if not len(column):
                continue
            widths = pc.unique(pc.list_value_length(column)).to_pylist()
            if column.null_count or len(widths) != 1 or (matrix is not None and matrix.shape[1] != widths[0]):
                return None
            if matrix is None:
                matrix = np.empty((len(self), widths[0]), np.uint16)  # [n, N]
            matrix[at : at + len(column)] = stack_lists(column, str(shard.path))
            at += len(column)
        return matrix

    def _check_columns(self, columns: Sequence[str] | None) -> list[str]:
        names = self.schema.names if columns is None else list(columns)
        unknown = [name for name in names if name not in self.schema.names]
        if unknown:
            raise InputError(f"a pair has no column {unknown[0]!r}; it has {', '.join(self.schema.names)}")
        return names

    def _all_statuses(self) -> np.ndarray:
        """The status of every row as its place in STATUS, uint8 [rows]."""
        if self._statuses is None:
            parts = [self._shard_statuses(shard) for shard in self._shards]
            self._statuses = np.concatenate([np.zeros(0, np.uint8), *parts])
        return self._statuses

    def _shard_statuses(self, shard: ShardFile) -> np.ndarray:
        codes = pc.index_in(shard.read(["status"]).column("status"), value_set=pa.array(STATUS))
        if codes.null_count:
            raise InputError(f"{shard.path} has rows whose status is none of {', '.join(STATUS)}")
        return codes.to_numpy().astype(np.uint8)

    def _ok_rows(self) -> np.ndarray:
        """The row numbers of the "ok" rows, int64 [n]."""
        if self._ok is None:
            self._ok = np.flatnonzero(self._all_statuses() == STATUS.index("ok"))
        return self._ok

    def _shards_with_statuses(self) -> Iterator[tuple[ShardFile, np.ndarray]]:
        statuses = self._all_statuses()
        for shard, start in zip(self._shards, self._starts, strict=False):
            yield shard, statuses[start : start + shard.rows]

    @classmethod
    def write(
        cls,
        folder: Path | str,
        pairs: Iterable[Pair],
        *,
        settings: Mapping[str, Any] | Settings,
        shard_rows: int = 1000,
        inputs: Mapping[str, str] | None = None,
        kind: str = "pairs",
        num_tokens: int | None = None,
        tokenizer: str | None = None,
    ) -> PairStore:
        """Write pairs as they come, `shard_rows` to a shard, and open the store.

        A finished folder is opened without touching `pairs`; in an unfinished one the shards that exist are passed
        over, so `pairs` must come in the same order again.

        Raises:
            InputError: as `PairWriter`.
        """
        if shard_rows < 1:
            raise InputError(f"shard_rows must be at least 1, not {shard_rows}")
        with PairWriter(
            folder,
            settings=settings,
            inputs=inputs,
            kind=kind,
            num_tokens=num_tokens,
            tokenizer=tokenizer,
            layout={"shard_rows": shard_rows},
        ) as writer:
            if not writer.complete:
                done = writer.manifest.indices()
                source = iter(pairs)
                index = 0
                while rows := list(islice(source, shard_rows)):
                    if index not in done:
                        writer.write_shard(index, rows)
                    index += 1
                writer.missing(index)  # fewer pairs than last time would leave shards that no pair accounts for
                writer.seal()
        return cls(folder)


def _reopen(folder: Path, partial: bool) -> PairStore:
    return PairStore(folder, partial=partial)
