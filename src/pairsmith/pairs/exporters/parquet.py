"""A Hugging Face data set: `data/train-00000-of-0000N.parquet` and a card, ready to upload as it is.

`datasets.load_dataset(folder)` reads it with pictures decoded; so do DuckDB, pandas and the hub's viewer, which wants
small row groups.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from pairsmith.pairs.exporters.card import Tally, data_set_card
from pairsmith.pairs.exporters.output import Progress, export_rows, flush, new_folder
from pairsmith.pairs.importers.parquet import TOKENIZER_KEY
from pairsmith.pairs.schema import Pair, make_schema, pairs_to_table
from pairsmith.pairs.store import PairStore
from pairsmith.settings import Settings

ROW_GROUP_ROWS = 100
ROW_GROUP_BYTES = 32 * 2**20  # of pictures; a group is closed early when it reaches this size
_LEFT_OUT = ("status", "reason")  # every exported row is "ok"


class ParquetExport(Settings):
    """Options of `export_parquet`."""

    title: str = Field(default="Image-text pairs", min_length=1, description="heading of the card")
    licence: str = Field(default="unknown", min_length=1, description="licence identifier of the hub, as apache-2.0")
    split: str = Field(default="train", pattern=r"^[A-Za-z0-9_]+$", description="name of the split")
    file_bytes: int = Field(default=500 * 10**6, ge=1, description="a file is closed when it reaches this size, bytes")


def export_parquet(
    store: PairStore,
    out: Path | str,
    settings: ParquetExport | None = None,
    ids: Collection[str] | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write the "ok" rows as a data set of the Hugging Face hub; returns the folder.

    Args:
        ids: only these rows.
        progress: called with (rows done, rows in all).

    Raises:
        InputError: an unknown id, no rows, or `out` is in use.
    """
    settings = settings or ParquetExport()
    schema = _exported_schema(store)
    tally = Tally()
    with new_folder(out) as folder:
        data = folder / "data"
        data.mkdir()
        groups = _row_groups(export_rows(store, ids, progress), tally)
        files: list[Path] = []
        group = next(groups, None)
        while group is not None:
            files.append(data / f"{settings.split}-{len(files):05d}.parquet")
            with files[-1].open("wb") as raw:
                with _writer(raw, schema) as writer:
                    while group is not None:
                        table = pairs_to_table(group, store.manifest.num_tokens).select(schema.names)
                        tally.bytes += table.nbytes
                        writer.write_table(table.replace_schema_metadata(schema.metadata), row_group_size=len(table))
                        group = next(groups, None)
                        if raw.tell() >= settings.file_bytes:
                            break
                flush(raw)
        for index, file in enumerate(files):  # the names hold the number of files, known only now
            file.rename(data / f"{settings.split}-{index:05d}-of-{len(files):05d}.parquet")
        card = data_set_card(store, schema, tally, settings.title, settings.licence, settings.split)
        (folder / "README.md").write_text(card, encoding="utf-8")
    return Path(out)


def _exported_schema(store: PairStore) -> pa.Schema:
    schema = make_schema(store.manifest.num_tokens)
    metadata = dict(schema.metadata)
    if store.manifest.tokenizer is not None:
        metadata[TOKENIZER_KEY] = store.manifest.tokenizer.encode()
    return pa.schema([column for column in schema if column.name not in _LEFT_OUT], metadata=metadata)


def _writer(file: BinaryIO, schema: pa.Schema) -> pq.ParquetWriter:
    """A writer that leaves pictures as they are: they neither shrink nor repeat, trying costs time and memory."""
    leaves = []
    for column in schema:
        if pa.types.is_struct(column.type):
            leaves += [f"{column.name}.{part.name}" for part in column.type]
        else:
            nested = pa.types.is_list(column.type) or pa.types.is_fixed_size_list(column.type)
            leaves.append(f"{column.name}.list.element" if nested else column.name)
    small = [leaf for leaf in leaves if leaf != "image.bytes"]
    return pq.ParquetWriter(
        file,
        schema,
        compression={leaf: "zstd" if leaf in small else "none" for leaf in leaves},
        use_dictionary=[leaf for leaf in small if not leaf.startswith("tokens")],
        write_statistics=small,
        write_page_index=True,  # lets the hub's viewer and other readers fetch single rows
    )


def _row_groups(rows: Iterator[Pair], tally: Tally) -> Iterator[list[Pair]]:
    group: list[Pair] = []
    size = 0
    for pair in rows:
        tally.add(pair)
        group.append(pair)
        size += len(pair.image or b"")
        if len(group) == ROW_GROUP_ROWS or size >= ROW_GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group
