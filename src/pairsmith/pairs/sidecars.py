"""Small Parquet files beside the shards, keyed by id: how they are named, written, guarded and read back.

A sidecar keeps in its metadata the settings it was made with and the store it belongs to. One name keeps one set of
settings for ever: what was computed otherwise goes under another name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pairsmith.errors import InputError
from pairsmith.pairs.atomic import atomic_file
from pairsmith.pairs.store import PairStore
from pairsmith.settings import Settings, canonical_json, first_difference

SCORES_FOLDER = "scores"
SELECTIONS_FOLDER = "selections"
EMBEDDINGS_FOLDER = "embeddings"

_COLUMNS: dict[str, dict[str, pa.DataType]] = {
    SCORES_FOLDER: {"id": pa.string(), "score": pa.float64(), "reason": pa.string(), "twin": pa.string()},
    EMBEDDINGS_FOLDER: {"id": pa.string(), "vector": pa.list_(pa.float32()), "reason": pa.string()},
    SELECTIONS_FOLDER: {"id": pa.string(), "rank": pa.int64(), "score": pa.float64()},
}
_OPTIONAL = ("reason", "twin")
METADATA = b"pairsmith"
_CHECKED_ROWS = 10_000  # in memory, while a file is read through
_GROUP_BYTES = 64 << 20  # of a row group, which is in memory while it is written or read
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*$")


@dataclass(frozen=True)
class Sidecar:
    """A sidecar as it lies on the disk.

    Attributes:
        table: its columns; `id` is among them.
        settings: how it was made.
        counts: numbers about its making, if any were kept.
    """

    table: pa.Table
    settings: dict[str, Any]
    counts: dict[str, Any]


def sidecar_names(store: PairStore, folder: str = SCORES_FOLDER) -> list[str]:
    """The names of the scores (or of the selections or embeddings) of a store, sorted."""
    return sorted(path.stem for path in (store.folder / folder).glob("*.parquet"))


def sidecar_path(store: PairStore, folder: str, name: str) -> Path:
    """Where a sidecar lies, or would lie.

    Raises:
        InputError: an unfit name.
    """
    if not _NAME.match(name):
        raise InputError(f"the name {name!r} of {folder} must be of lower-case letters, digits, '_', '-' and '.'")
    return store.folder / folder / f"{name}.parquet"


def write_sidecar(
    store: PairStore,
    folder: str,
    name: str,
    table: pa.Table,
    settings: Mapping[str, Any] | Settings,
    counts: Mapping[str, Any] | None = None,
) -> Path:
    """Write a table with a column `id`, atomically.

    Raises:
        InputError: an unfit name, ids unknown or twice, or a sidecar of that name with other settings.
    """
    path = sidecar_path(store, folder, name)
    if path.parent.is_symlink():
        raise InputError(f"{path.parent} is a link, through which nothing is written: make it a folder of the store")
    ids = table.column("id").to_pylist()
    if len(set(ids)) < len(ids):
        raise InputError(f"{path}: an id is there twice")
    store.positions(ids)
    plain = json.loads(canonical_json(settings))
    check_settings(store, folder, name, plain)
    try:
        path.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(f"{path.parent}: the folder cannot be made ({error.strerror})") from error
    about = {"settings": plain, "store": store.fingerprint, **({"counts": dict(counts)} if counts else {})}
    write_table(path, table, about)
    return path


def check_settings(store: PairStore, folder: str, name: str, settings: Mapping[str, Any] | Settings) -> None:
    """Refuse a name that is taken by a sidecar with other settings.

    Raises:
        InputError: it is.
    """
    path = sidecar_path(store, folder, name)
    if path.exists():
        found = sidecar_settings(store, folder, name)
        difference = first_difference(found, json.loads(canonical_json(settings)))
        if difference:
            raise InputError(f"{path} was made with other settings: {difference}; give another name or delete the file")


def read_sidecar(store: PairStore, folder: str, name: str) -> Sidecar:
    """A sidecar of the store.

    Raises:
        InputError: there is none of that name, or it is damaged.
    """
    path = _there(store, folder, name)
    table, about = read_table(path)
    _check_columns(path, folder, table.schema)
    return Sidecar(table, about["settings"], about.get("counts", {}))


def sidecar_settings(store: PairStore, folder: str, name: str) -> dict[str, Any]:
    """How a sidecar was made, without reading its rows.

    Raises:
        InputError: there is none of that name, or it is damaged.
    """
    return dict(read_about(_there(store, folder, name))[1]["settings"])


def sidecar_batches(store: PairStore, folder: str, name: str) -> Iterator[pa.Table]:
    """The rows of a sidecar, some thousand at a time.

    Raises:
        InputError: as `read_sidecar`.
    """
    path = _there(store, folder, name)
    _check_columns(path, folder, read_about(path)[0])
    for batch in _batches(path):
        yield pa.Table.from_batches([batch])


def _there(store: PairStore, folder: str, name: str) -> Path:
    path = sidecar_path(store, folder, name)
    if not path.is_file():
        known = ", ".join(sidecar_names(store, folder)) or "none"
        raise InputError(f"{store.folder} has no {folder} named {name!r}; there are: {known}")
    return path


def _check_columns(path: Path, folder: str, schema: pa.Schema) -> None:
    for column, kind in _COLUMNS[folder].items():
        found = schema.field(column).type if column in schema.names else None
        if found is None and column in _OPTIONAL:
            continue
        if column == "vector" and found is not None:
            fits = pa.types.is_fixed_size_list(found) and found.value_type == pa.float32()
        else:
            fits = found == kind
        if not fits:
            raise InputError(
                f"{path} is no file of {folder}: its column {column!r} is {found or 'missing'}, not {kind}"
            )


def write_table(path: Path, table: pa.Table, about: Mapping[str, Any]) -> None:
    """A table with JSON values in its metadata, atomically; equal tables give equal bytes."""
    table = table.replace_schema_metadata({METADATA: canonical_json(dict(about)).encode()}).combine_chunks()
    group = max(1, _GROUP_BYTES * len(table) // max(1, table.nbytes))
    with atomic_file(path) as file:
        pq.write_table(
            table, file, compression="zstd", use_dictionary=False, write_page_checksum=True, row_group_size=group
        )


def read_about(path: Path) -> tuple[pa.Schema, dict[str, Any]]:
    """The columns of a sidecar and what it says of itself, without reading its rows.

    Raises:
        InputError: damaged, or another kind of file.
    """
    try:
        with path.open("rb") as file:
            schema = pq.read_schema(file)
        about = json.loads((schema.metadata or {})[METADATA])
        dict(about["settings"])
        dict(about.get("counts", {}))
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _no_sidecar(path, error) from error
    return schema, about


def read_table(path: Path) -> tuple[pa.Table, dict[str, Any]]:
    """What `write_table` wrote.

    Raises:
        InputError: damaged, or another kind of file.
    """
    _, about = read_about(path)
    try:
        with path.open("rb") as file:
            table = pq.ParquetFile(file, page_checksum_verification=True).read(use_threads=False)
        table.validate(full=True)
        if table.column("id").null_count:
            raise ValueError("a row has no id")
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise _no_sidecar(path, error) from error
    return table, about


def check_sidecar(path: Path) -> None:
    """Read a sidecar through, batch by batch.

    Raises:
        InputError: damaged, or another kind of file.
    """
    read_about(path)
    for _ in _batches(path):
        pass


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    try:
        with path.open("rb") as file:
            parquet = pq.ParquetFile(file, page_checksum_verification=True, pre_buffer=False)
            if "id" not in parquet.schema_arrow.names:
                raise ValueError("it has no column id")
            for batch in parquet.iter_batches(batch_size=_CHECKED_ROWS, use_threads=False):
                batch.validate(full=True)
                yield batch
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _no_sidecar(path, error) from error


def _no_sidecar(path: Path, error: Exception) -> InputError:
    return InputError(f"{path} is damaged or not of this kind ({error}): delete it and make it again")
