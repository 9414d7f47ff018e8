"""Scores, embeddings and selections of stores carried to a store of some of their rows.

A score of a row alone stays true wherever the row goes. What was computed among all rows of a store (near duplicates,
with the column `twin`) does not, and stays behind; a selection goes along where one store is the only source.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pairsmith.errors import InputError
from pairsmith.pairs.atomic import atomic_file
from pairsmith.pairs.sidecars import (
    EMBEDDINGS_FOLDER,
    METADATA,
    SCORES_FOLDER,
    SELECTIONS_FOLDER,
    read_about,
    sidecar_names,
    sidecar_path,
)
from pairsmith.pairs.store import PairStore
from pairsmith.settings import canonical_json, first_difference

Part = Sequence[tuple[PairStore, np.ndarray]]
"""Stores, each with the numbers of its rows that are taken, int64 [n], ascending."""

logger = logging.getLogger(__name__)

_BATCH = 10_000  # rows of a sidecar in memory


def check_sidecars(part: Part) -> None:
    """See beforehand that the sidecars of several stores can become one.

    Raises:
        InputError: one name stands for different settings or columns; the store and the first difference are named.
    """
    for folder, name, stores in _names(part):
        first, about = _described(stores[0], folder, name)
        for store in stores[1:]:
            schema, other = _described(store, folder, name)
            found = first_difference(about["settings"], other["settings"])
            if found is None and not schema.equals(first):
                found = f"columns (was {first.names}, now {schema.names}, or other types)"
            if found:
                raise InputError(
                    f"{store.folder}: {folder} named {name!r} differ from those of {stores[0].folder} in {found}; "
                    f"make them alike, or move one of the files away"
                )


def carry_sidecars(part: Part, made: PairStore) -> None:
    """Write into `made`, whose rows are all there, what the sources of its rows say of them, batch by batch."""
    taken = [_ids(store, rows) for store, rows in part]
    for folder, name, stores in _names(part):
        schema, about = _described(stores[0], folder, name)
        if "twin" in schema.names:
            logger.warning(
                "%s %r was computed among all rows of a store and stays behind: compute it anew", folder, name
            )
            continue
        path = sidecar_path(made, folder, name)
        path.parent.mkdir(exist_ok=True)
        marks = {METADATA: canonical_json({**about, "store": made.fingerprint}).encode()}
        with (
            atomic_file(path) as file,
            pq.ParquetWriter(
                file,
                schema.with_metadata(marks),
                compression="zstd",
                use_dictionary=False,
                write_page_checksum=True,
            ) as writer,
        ):
            rank = 0
            for (store, _), ids in zip(part, taken, strict=True):
                if store not in stores:
                    continue
                for table in _taken_batches(store, folder, name, schema, ids):
                    if folder == SELECTIONS_FOLDER:  # ranks close up
                        ranks = pa.array(np.arange(rank, rank + len(table)))
                        table = table.set_column(table.schema.get_field_index("rank"), "rank", ranks)
                        rank += len(table)
                    if len(table):
                        writer.write_table(table.combine_chunks().cast(schema))


def _names(part: Part) -> Iterator[tuple[str, str, list[PairStore]]]:
    """(folder, name, the stores that have it) for everything that can be carried."""
    folders = [SCORES_FOLDER, EMBEDDINGS_FOLDER, *([SELECTIONS_FOLDER] if len(part) == 1 else [])]
    for folder in folders:
        for name in sorted({name for store, _ in part for name in sidecar_names(store, folder)}):
            yield folder, name, [store for store, _ in part if name in sidecar_names(store, folder)]


def _described(store: PairStore, folder: str, name: str) -> tuple[pa.Schema, dict[str, Any]]:
    """Columns, and what the file says of itself, without the name of its store."""
    path = sidecar_path(store, folder, name)
    schema, about = read_about(path)
    return schema.remove_metadata(), {key: value for key, value in about.items() if key != "store"}


def _ids(store: PairStore, rows: np.ndarray) -> pa.Array:
    """The ids of rows, in one piece."""
    return store.take_rows(rows, ["id"]).column("id").combine_chunks() if len(rows) else pa.array([], pa.string())


def _taken_batches(store: PairStore, folder: str, name: str, schema: pa.Schema, ids: pa.Array) -> Iterator[pa.Table]:
    """The lines of a sidecar whose ids are taken, batch by batch."""
    path = sidecar_path(store, folder, name)
    try:
        with path.open("rb") as file:
            parquet = pq.ParquetFile(file, page_checksum_verification=True, pre_buffer=False)
            # One look-up for the whole column: each call of is_in makes a hash table of all ids anew.
            keep = pc.is_in(parquet.read(["id"], use_threads=False).column("id"), value_set=ids)
            at = 0
            for batch in parquet.iter_batches(batch_size=_BATCH, use_threads=False):
                table = pa.Table.from_batches([batch]).replace_schema_metadata(None).cast(schema)
                yield table.filter(keep.slice(at, len(table)))
                at += len(table)
    except (pa.ArrowException, OSError, json.JSONDecodeError) as error:
        raise InputError(f"{path} is damaged ({error}): delete it and make it again") from error
