"""Sound Parquet files whose columns bear known names and unexpected types."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.fuzz.mutations import Random

COLUMNS = ("id", "caption", "image", "tokens", "split", "references", "seed", "settings", "status", "reason", "score")


def odd_table(draw: Random) -> bytes:
    """A sound Parquet file whose columns bear known names and unexpected types."""
    rows = draw.choice([0, 1, 3, 40])
    columns = {}
    for name in draw.sample(COLUMNS, draw.randrange(1, len(COLUMNS))):
        columns[name] = draw.choice(_MAKERS)(rows, draw)
    table = pa.table(columns)
    if draw.random() < 0.3:
        table = table.replace_schema_metadata({b"pairsmith": draw.choice([b"{}", b"[", b'{"settings": 1}', b"null"])})
    return parquet_bytes(table)


def parquet_bytes(table: pa.Table) -> bytes:
    """A table as a Parquet file."""
    out = io.BytesIO()
    pq.write_table(table, out, compression="zstd", write_page_checksum=False)
    return out.getvalue()


def _texts(rows: int, draw: Random) -> pa.Array:
    return pa.array(
        [draw.choice(["a", "", None, "\0", "train", "x" * 999, "../secret.png"]) for _ in range(rows)], pa.string()
    )


def _not_unicode(rows: int, draw: Random) -> pa.Array:
    offsets = np.arange(rows + 1, dtype=np.int32)
    return pa.StringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(b"\xff" * (rows + 1)))


_MAKERS: tuple[Callable[[int, Random], pa.Array], ...] = (
    _texts,
    _texts,
    _not_unicode,
    lambda rows, draw: pa.nulls(rows, pa.string()),
    lambda rows, draw: pa.nulls(rows, pa.list_(pa.string())),
    lambda rows, draw: _texts(rows, draw).dictionary_encode(),
    lambda rows, draw: pa.array([[None, "b"]] * rows, pa.list_(pa.string())),
    lambda rows, draw: pa.array([[["b"]]] * rows, pa.list_(pa.list_(pa.string()))),
    lambda rows, draw: pa.array([draw.choice([b"", b"\x89PNG", None]) for _ in range(rows)], pa.binary()),
    lambda rows, draw: pa.array([{"bytes": draw.choice([None, b"x"]), "path": "../secret.png"}] * rows),
    lambda rows, draw: pa.array([{"bytes": "text"}] * rows, pa.struct([("bytes", pa.string())])),
    lambda rows, draw: pa.array([{"path": "x"}] * rows, pa.struct([("path", pa.string())])),
    lambda rows, draw: pa.array([[1, draw.randrange(65536)]] * rows, pa.list_(pa.uint16(), 2)),
    lambda rows, draw: pa.array([[1] * draw.randrange(3) for _ in range(rows)], pa.list_(pa.uint16())),
    lambda rows, draw: pa.array([draw.choice([None, [1.5]]) for _ in range(rows)], pa.list_(pa.float64())),
    lambda rows, draw: pa.array([draw.choice([1, None, -(2**63)]) for _ in range(rows)], pa.int64()),
    lambda rows, draw: pa.array([2**64 - 1] * rows, pa.uint64()),
    lambda rows, draw: pa.array([float("nan")] * rows, pa.float64()),
    lambda rows, draw: pa.array([2**62] * rows, pa.timestamp("ns")),
    lambda rows, draw: pa.array([2**50] * rows, pa.timestamp("us", tz="No/Where")),
    lambda rows, draw: pa.array([True] * rows),
)
