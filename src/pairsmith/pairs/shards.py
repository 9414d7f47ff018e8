"""One shard as a Parquet file: how rows are laid out in it, and how single rows come out again.

Equal rows give equal bytes. Images lie uncompressed in row groups of at most 100 rows (PNG and JPEG do not shrink, and
a reader that wants one picture reads one row group); everything else is zstd. Tokens are split into byte streams first:
Parquet holds them as 32-bit numbers, whose two upper bytes are zero and whose second varies little, so they take little
more than log2(codebook size) bits each and are read faster than as they come. Pages carry checksums, so a flipped bit
is an error at reading and never a wrong row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pairsmith.errors import InputError
from pairsmith.pairs.atomic import HashingFile, atomic_file
from pairsmith.pairs.manifest import ShardEntry, shard_name
from pairsmith.pairs.remote import RemotePath
from pairsmith.pairs.schema import make_schema

# At 30 kB a picture, one picture at random costs half the time that groups of 100 cost, and the footers 0.2 % of space.
ROW_GROUP_WITH_IMAGES = 32
ROW_GROUP_WITHOUT_IMAGES = 10_000

# Leaf columns as Parquet names them, and those whose few values repeat.
_IMAGE_BYTES = "image.bytes"
_LEAVES = {"references": "references.list.element", "tokens": "tokens.list.element"}
_REPETITIVE = ("group", "negative_kind", "concept", "axis", "generator", "settings", "status", "reason")
_WITH_STATISTICS = ("id", "seed", "status", "generator")


def fit_table(table: pa.Table, num_tokens: int | None) -> pa.Table:
    """`table` with exactly the columns and types of the pair schema.

    Raises:
        InputError: a column is missing or of a type that does not convert.
    """
    schema = make_schema(num_tokens)
    absent = [name for name in schema.names if name not in table.column_names]
    if absent:
        raise InputError(f"the table for a shard lacks the columns {', '.join(absent)}")
    try:
        return table.select(schema.names).cast(schema)
    except (pa.ArrowException, ValueError) as error:
        raise InputError(f"the table for a shard does not fit the pair schema ({error})") from error


def write_shard_file(folder: Path, index: int, table: pa.Table, reached: Callable[[str], None]) -> ShardEntry:
    """Write a table of the pair schema as the shard `index`, atomically.

    Args:
        reached: called with the name of each crash point that is passed.

    Raises:
        InputError: as `atomic_file`.
    """
    path = folder / shard_name(index)
    with atomic_file(path, reached) as file:
        _write_parquet(table, file)
    return ShardEntry(name=path.name, rows=len(table), bytes=file.bytes_written, sha256=file.hexdigest())


def _write_parquet(table: pa.Table, file: HashingFile) -> None:
    has_images = pc.struct_field(table.column("image"), "bytes").null_count < len(table)
    group_rows = ROW_GROUP_WITH_IMAGES if has_images else ROW_GROUP_WITHOUT_IMAGES
    leaves = [_LEAVES.get(name, name) for name in table.column_names if name != "image"] + [_IMAGE_BYTES, "image.path"]
    with pq.ParquetWriter(
        file,
        table.schema,
        compression={leaf: "none" if leaf == _IMAGE_BYTES else "zstd" for leaf in leaves},
        use_dictionary=list(_REPETITIVE),
        column_encoding={_LEAVES["tokens"]: "BYTE_STREAM_SPLIT"},
        write_statistics=list(_WITH_STATISTICS),
        write_page_checksum=True,
    ) as writer:
        for start in range(0, len(table), group_rows):
            # Page borders follow the chunks of the table in memory; one chunk a row group makes them a matter of rows.
            group = table.slice(start, group_rows).combine_chunks()
            writer.write_table(group, row_group_size=group_rows)


class ShardFile:
    """A finished shard for reading: whole columns, row group by row group, or chosen rows.

    Reads in the calling thread only, so that a forked data loader cannot inherit a locked thread pool, and keeps the
    footer but no open file, so that a store of many thousand shards does not run out of file handles. What a file says
    of itself is checked before it is believed: rows, columns, types, and that texts are UTF-8.

    Args:
        folder: of the store.
        entry: of the manifest.
        schema: columns and types that the file must have; None takes them as they are.
    """

    def __init__(self, folder: Path, entry: ShardEntry, schema: pa.Schema | None = None) -> None:
        self.path = folder / entry.name
        self._schema = schema
        self.rows = entry.rows
        self._bytes = entry.bytes
        self._metadata: pq.FileMetaData | None = None
        self._group_starts = np.zeros(1, np.int64)  # [G + 1], first row of each row group, then the number of rows

    def check_size(self) -> None:
        """Compare the file's size with the manifest's: one stat finds a missing or torn shard.

        Raises:
            InputError: the file is missing or of another size.
        """
        try:
            size = self.path.stat().st_size
        except OSError as error:
            raise self._damaged("is missing") from error
        if size != self._bytes:
            raise self._damaged(f"is torn ({size} bytes, the manifest says {self._bytes})")

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        """All rows; `columns` None reads every column."""
        with self._open() as file:
            return _sound(file.read(columns=columns, use_threads=False))

    def groups(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """All rows, one row group after the other."""
        with self._open() as file:
            for group in range(file.num_row_groups):
                yield _sound(file.read_row_group(group, columns=columns, use_threads=False))

    def take(self, rows: np.ndarray, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows at the positions `rows` (int64 [R], ascending); each row group is read once."""
        parts = []
        with self._open() as file:
            groups = np.searchsorted(self._group_starts, rows, side="right") - 1  # [R]
            for group in np.unique(groups):
                table = _sound(file.read_row_group(int(group), columns=columns, use_threads=False))
                parts.append(table.take(pa.array(rows[groups == group] - self._group_starts[group])))
        return pa.concat_tables(parts)

    @contextmanager
    def _open(self) -> Iterator[pq.ParquetFile]:
        try:
            with (
                _source(self.path) as source,
                pq.ParquetFile(
                    source, metadata=self._metadata, pre_buffer=False, page_checksum_verification=True
                ) as file,
            ):
                if self._metadata is None:
                    self._check(file)
                    self._metadata = file.metadata
                    sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
                    self._group_starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
                yield file
        except FileNotFoundError as error:
            raise self._damaged("is missing") from error
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise self._damaged(f"is damaged ({(str(error) or type(error).__name__).splitlines()[0]})") from error

    def _check(self, file: pq.ParquetFile) -> None:
        if file.metadata.num_rows != self.rows:
            raise self._damaged(f"holds {file.metadata.num_rows} rows, the manifest says {self.rows}")
        if self._schema is not None:  # joined stores have further columns behind these
            names, found = self._schema.names, file.schema_arrow
            if found.names[: len(names)] != names or not pa.schema(list(found)[: len(names)]).equals(self._schema):
                raise self._damaged("does not have the columns of a pair store")

    def _damaged(self, how: str) -> InputError:
        return InputError(
            f"{self.path} {how}: run `pairsmith repair {self.path.parent}`, then the stage that made it once more"
        )


def _source(path: Path) -> AbstractContextManager[Any]:
    """What Parquet reads from: a local path, or an open remote file."""
    return path.open("rb") if isinstance(path, RemotePath) else nullcontext(path)


def _sound(table: pa.Table) -> pa.Table:
    """The table, its texts and offsets checked: without a hash of the whole file, nobody has vouched for them yet."""
    table.validate(full=True)
    return table
