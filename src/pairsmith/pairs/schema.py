"""The row of a pair store: its columns, the `Pair` that mirrors them, and the ids that name the same work alike.

One schema serves captions, rendered pairs and imported pairs, so every stage reads and writes the same thing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pyarrow as pa

from pairsmith.errors import InputError
from pairsmith.settings import canonical_json

STATUS = ("ok", "filtered", "failed")

# A builder's offsets are 32-bit, so rows become Arrow arrays in slices whose images stay far below 2 GiB.
ROWS_PER_BATCH = 100

IMAGE_TYPE = pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])

# `datasets` reads this key and then decodes the column as pictures; all other readers ignore it.
_HUGGING_FACE = {"huggingface": json.dumps({"info": {"features": {"image": {"_type": "Image"}}}})}


def make_schema(num_tokens: int | None = None) -> pa.Schema:
    """The Arrow schema of a store whose rows hold `num_tokens` tokens each.

    Args:
        num_tokens: width of the fixed-size `tokens` list; None leaves the width open (a plain list).
    """
    tokens = pa.list_(pa.uint16()) if num_tokens is None else pa.list_(pa.uint16(), num_tokens)
    text = pa.string()
    columns = [
        pa.field("id", text, nullable=False),
        pa.field("group", text),
        pa.field("caption", text),
        pa.field("references", pa.list_(text)),
        pa.field("negative", text),
        pa.field("negative_kind", text),
        pa.field("concept", text),
        pa.field("axis", text),
        pa.field("image", IMAGE_TYPE),
        pa.field("tokens", tokens),
        pa.field("generator", text),
        pa.field("seed", pa.int64()),
        pa.field("settings", text),
        pa.field("status", text, nullable=False),
        pa.field("reason", text),
    ]
    return pa.schema(columns, metadata=_HUGGING_FACE)


PAIR_SCHEMA = make_schema()


@dataclass(frozen=True, eq=False)
class Pair:
    """One row: a caption, what was asked for, and (once rendered or imported) its image and tokens.

    Attributes:
        id: 32 hex digits from `pair_id` or `imported_id`.
        caption: the text.
        group: shared by all renderings of one caption; empty when a row stands alone.
        references: human captions to score against, in evaluation sets.
        negative: a hard-negative caption, with `negative_kind`, the rule that made it.
        concept: what was asked for, and `axis`, along which dimension it was varied.
        image: the encoded picture (PNG, JPEG, WebP ...), None before rendering.
        image_path: the picture's file name, for people; nothing is read from it.
        tokens: VQ ids in raster order, uint16 [N]; any integer array in 0..65535 is accepted and converted.
        generator, seed, settings: enough to make this very pair again; `seed` fits a signed 64-bit integer.
        status: "ok", "filtered" or "failed"; the last two need a `reason`, the first may have one as a note.

    Raises:
        InputError: empty id, unknown status, a missing reason, or tokens that are not one row of VQ ids.
    """

    id: str
    caption: str
    group: str = ""
    references: Sequence[str] = ()
    negative: str | None = None
    negative_kind: str | None = None
    concept: str | None = None
    axis: str | None = None
    image: bytes | None = None
    image_path: str | None = None
    tokens: np.ndarray | None = None
    generator: str = ""
    seed: int = 0
    settings: str = ""
    status: str = "ok"
    reason: str = ""

    def __post_init__(self) -> None:
        if not self.id:
            raise InputError(f"a pair with caption {self.caption!r} has an empty id")
        if self.status not in STATUS:
            raise InputError(f"pair {self.id}: status {self.status!r} is none of {', '.join(STATUS)}")
        if self.status != "ok" and not self.reason:
            raise InputError(f"pair {self.id}: status {self.status!r} needs a reason")
        object.__setattr__(self, "references", tuple(self.references))
        if self.tokens is not None:
            object.__setattr__(self, "tokens", _as_token_row(self.tokens, self.id))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Pair):
            return NotImplemented
        return all(
            np.array_equal(mine, theirs) if isinstance(mine, np.ndarray) else bool(np.all(mine == theirs))
            for mine, theirs in ((getattr(self, name), getattr(other, name)) for name in _FIELDS)
        )

    def __hash__(self) -> int:
        return hash(self.id)


_FIELDS = tuple(field.name for field in fields(Pair))
# The columns that are one field of a `Pair` under the same name; image and tokens need shaping.
_PLAIN = tuple(name for name in PAIR_SCHEMA.names if name not in ("image", "tokens", "references"))


def _as_token_row(tokens: Any, row_id: str) -> np.ndarray:
    row = np.asarray(tokens)
    if row.ndim != 1 or row.dtype.kind not in "iu":
        raise InputError(f"pair {row_id}: tokens must be one row of integers, not {row.dtype} of shape {row.shape}")
    if row.dtype != np.uint16:
        if row.size and (row.min() < 0 or row.max() > 65535):
            raise InputError(f"pair {row_id}: tokens must lie in 0..65535, found {row.min()}..{row.max()}")
        row = row.astype(np.uint16)
    return row


def pair_id(caption: str, generator: str, revision: str, settings: Mapping[str, Any] | str, seed: int) -> str:
    """The id of made work, 32 hex digits: equal caption, generator, revision, settings and seed give the same id."""
    return _digest("made", caption, generator, revision, settings, seed)


def imported_id(source: str, key: str) -> str:
    """The id of an imported pair, 32 hex digits: `source` names the data set, `key` the row inside it."""
    return _digest("imported", source, key)


def _digest(*parts: Any) -> str:
    return hashlib.sha256(canonical_json(parts).encode()).hexdigest()[:32]


def pairs_to_table(pairs: Iterable[Pair], num_tokens: int | None = None) -> pa.Table:
    """The rows as an Arrow table of `make_schema(num_tokens)`.

    Raises:
        InputError: a row's token count is not `num_tokens`, or a value does not fit its column.
    """
    schema = make_schema(num_tokens)
    rows = list(pairs)
    batches = [_to_batch(rows[at : at + ROWS_PER_BATCH], schema) for at in range(0, len(rows), ROWS_PER_BATCH)]
    return pa.Table.from_batches(batches, schema=schema)


def _to_batch(pairs: list[Pair], schema: pa.Schema) -> pa.RecordBatch:
    values: dict[str, list[Any]] = {name: [getattr(pair, name) for pair in pairs] for name in _PLAIN}
    values["references"] = [list(pair.references) for pair in pairs]
    values["image"] = [
        None if pair.image is None and pair.image_path is None else {"bytes": pair.image, "path": pair.image_path}
        for pair in pairs
    ]
    arrays = []
    for field in schema:
        if field.name == "tokens":
            arrays.append(_token_array(pairs, field.type))
            continue
        try:
            arrays.append(pa.array(values[field.name], field.type))
        except (pa.ArrowException, OverflowError, TypeError) as error:
            raise InputError(f"column {field.name!r} near pair {pairs[0].id} holds an unfit value: {error}") from error
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _token_array(pairs: list[Pair], type_: pa.DataType) -> pa.Array:
    if not pa.types.is_fixed_size_list(type_):
        return pa.array([pair.tokens for pair in pairs], type_)
    rows = np.zeros((len(pairs), type_.list_size), np.uint16)  # [R, N]
    absent = np.ones(len(pairs), bool)  # [R]
    for at, pair in enumerate(pairs):
        if pair.tokens is None:
            continue
        if len(pair.tokens) != type_.list_size:
            raise InputError(
                f"pair {pair.id} has {len(pair.tokens)} tokens, but this store is for {type_.list_size} a row"
            )
        rows[at], absent[at] = pair.tokens, False
    return pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), type=type_, mask=pa.array(absent))


def table_to_pairs(table: pa.Table) -> list[Pair]:
    """The rows of a table as `Pair`s; columns that the table lacks take their default (`id` and `caption` are needed).

    A null in a text column that is never None in a `Pair` (group, reason ...) reads as its default.
    """
    columns = {name: table.column(name).to_pylist() for name in table.column_names if name != "tokens"}
    tokens = list(table.column("tokens")) if "tokens" in table.column_names else [None] * len(table)
    images = columns.pop("image", [None] * len(table))
    pairs = []
    for at, (row_tokens, image) in enumerate(zip(tokens, images, strict=True)):
        values = {name: column[at] for name, column in columns.items() if column[at] is not None}
        values.setdefault("caption", "")
        if image is not None:
            values.update(image=image["bytes"], image_path=image["path"])
        if row_tokens is not None and row_tokens.is_valid:
            values["tokens"] = row_tokens.values.to_numpy()
        pairs.append(Pair(**values))
    return pairs
