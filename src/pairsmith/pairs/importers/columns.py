"""Which columns of somebody else's Parquet file are the picture and the caption: by type first, then by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.types as pt

from pairsmith.errors import InputError

# Names seen in public data sets, the surest first.
CAPTION_NAMES = ("caption", "captions", "text", "texts", "sentence", "sentences", "sentences_raw", "raw", "description")
IMAGE_NAMES = ("image", "images", "img", "picture", "photo", "jpg", "jpeg", "png", "webp", "image_bytes", "bytes")


def find_image_column(schema: pa.Schema, path: Path, name: str | None = None) -> str | None:
    """The column of pictures: the named one, else the best by `IMAGE_NAMES`, else the only one; None without any.

    Raises:
        InputError: the named column is missing or holds no pictures, or several columns could be meant.
    """
    found = [column.name for column in schema if is_picture(column.type)]
    return _choose(schema, path, "image", name, found, IMAGE_NAMES)


def find_caption_column(schema: pa.Schema, path: Path, name: str | None = None) -> str:
    """The column of captions: the named one, else the best by `CAPTION_NAMES`, else the only text column.

    Raises:
        InputError: none, several that could be meant, or the named column is missing or holds no text.
    """
    found = [column.name for column in schema if is_text(column.type) or is_text_list(column.type)]
    chosen = _choose(schema, path, "caption", name, found, CAPTION_NAMES)
    if chosen is None:
        raise InputError(
            f"{path}: has no caption column among {', '.join(schema.names)}; name it with caption_column=NAME"
        )
    return chosen


def _choose(
    schema: pa.Schema, path: Path, role: str, name: str | None, found: list[str], known: Sequence[str]
) -> str | None:
    if name is not None:
        if name not in schema.names:
            raise InputError(f"{path}: has no column {name!r}; its columns are {', '.join(schema.names)}")
        if name not in found:
            raise InputError(f"{path}: column {name!r} of type {schema.field(name).type} cannot be the {role} column")
        return name
    lower = {column.lower(): column for column in reversed(found)}
    best = next((lower[candidate] for candidate in known if candidate in lower), None)
    if best is None and len(found) > 1:
        raise InputError(f"{path}: which of {', '.join(found)} is the {role} column? Name it with {role}_column=NAME")
    return best or (found[0] if found else None)


def is_text(kind: pa.DataType) -> bool:
    """Texts, plain or dictionary-encoded."""
    kind = kind.value_type if pt.is_dictionary(kind) else kind
    return bool(pt.is_string(kind) or pt.is_large_string(kind) or pt.is_string_view(kind))


def is_text_list(kind: pa.DataType) -> bool:
    """Lists of texts."""
    return bool(
        (pt.is_list(kind) or pt.is_large_list(kind) or pt.is_fixed_size_list(kind)) and is_text(kind.value_type)
    )


def is_binary(kind: pa.DataType) -> bool:
    """Raw bytes."""
    return bool(pt.is_binary(kind) or pt.is_large_binary(kind) or pt.is_binary_view(kind))


def is_picture(kind: pa.DataType) -> bool:
    """Bytes, or a struct with bytes (and path) as `datasets` writes it."""
    if pt.is_struct(kind):
        position = kind.get_field_index("bytes")
        return position >= 0 and is_binary(kind.field(position).type)
    return is_binary(kind)


def tokens_width(schema: pa.Schema) -> int | None:
    """Width of a `tokens` column of VQ ids; None when there is none, 0 for lists of free length."""
    if "tokens" not in schema.names:
        return None
    kind = schema.field("tokens").type
    if pt.is_fixed_size_list(kind) and kind.value_type == pa.uint16():
        return int(kind.list_size)
    return 0 if pt.is_list(kind) and kind.value_type == pa.uint16() else None
