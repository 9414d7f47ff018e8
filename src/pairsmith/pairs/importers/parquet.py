"""Parquet files as the Hugging Face hub holds them: an image column (struct of bytes and path, or plain binary) and a
caption column (text, or a list of texts).

Columns are found by type and then by name, or named by the caller. Captions of a row group are read first; its images
follow in small batches and only when a row asks for one, so skipped groups cost nothing and memory is bounded by one
page of the file (at worst the pictures of one row group).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pairsmith.errors import InputError
from pairsmith.pairs.importers.columns import (
    find_caption_column,
    find_image_column,
    is_text,
    is_text_list,
    tokens_width,
)
from pairsmith.pairs.importers.files import MAX_IMAGE_BYTES, listing_fingerprint, require_path, source_name, walk_files
from pairsmith.pairs.importers.rows import RESTORED, Record, RowSettings, Source, iter_rows, restored_columns
from pairsmith.pairs.importers.splits import ALL, files_of_split, require_one_split
from pairsmith.pairs.schema import Pair

NAME_COLUMNS = ("file_name", "filename", "image_path", "path")  # where the picture's name may stand
TOKENIZER_KEY = b"pairsmith.tokenizer"  # schema metadata of our exports: fingerprint of the tokenizer
_IMAGE_BATCH = 16  # pictures read at once
_BUFFER = 2**20  # bytes read ahead per column, instead of whole column chunks
_TEXT_BATCH = 1000  # rows of text turned into Python values at once


class ParquetSource(Source):
    """Rows of one Parquet file, or of all files of a folder in the order of their names, as records.

    Args:
        path: a `.parquet` file, or a folder that holds them at any depth.
        split: rows whose `split` column has this value; without such a column, files whose name begins with it
            (`train-00000-of-00002.parquet`) or that lie in the folder of this name; `all` takes every row.
        image_column, caption_column: their names; None finds them.

    Raises:
        InputError: nothing there, a torn file, no fitting column (the columns of the file are listed), files whose
            columns differ, or a split that does not occur.
    """

    format = "parquet"

    def __init__(
        self,
        path: Path | str,
        split: str | None = None,
        image_column: str | None = None,
        caption_column: str | None = None,
    ) -> None:
        path = require_path(path)
        self.folder = path if path.is_dir() else path.parent
        self.name = source_name(path)
        self.files = list(parquet_files(path)) if path.is_dir() else [Path(path.name)]
        if not self.files:
            raise InputError(f"{path}: holds no .parquet files")
        self.row_split = self._choose_split(split, path)
        schemas = [_schema(self.folder / file) for file in self.files]
        self.image = find_image_column(schemas[0], path, image_column)
        self.caption = find_caption_column(schemas[0], path, caption_column)
        self._one_caption = is_text(schemas[0].field(self.caption).type)
        width = tokens_width(schemas[0])
        self._has_tokens = width is not None
        self.num_tokens = width or None
        self.tokenizer = (schemas[0].metadata or {}).get(TOKENIZER_KEY, b"").decode("utf-8", "replace") or None
        if self.image is None and not self._has_tokens:
            raise InputError(
                f"{path}: has no image column among {', '.join(schemas[0].names)}; name it with image_column=NAME"
            )
        for file, schema in zip(self.files, schemas, strict=True):
            for name in filter(None, (self.image, self.caption, self._has_tokens and "tokens")):
                if name not in schema.names or schema.field(name).type != schemas[0].field(name).type:
                    raise InputError(f"{file}: its column {name!r} is missing or unlike that of {self.files[0]}")

    def _choose_split(self, split: str | None, path: Path) -> str | None:
        """Choose files by their names, or return the value to choose rows by: a `split` column knows better."""
        schemas = [_schema(self.folder / file) for file in self.files]
        if not all("split" in schema.names and is_text(schema.field("split").type) for schema in schemas):
            self.files = files_of_split(self.files, split, path)
            return None
        found: set[str] = set()
        for file in self.files:
            try:
                column = pq.read_table(self.folder / file, columns=["split"]).column("split")
                column.validate(full=True)
            except (pa.ArrowException, OSError) as error:
                raise _unreadable(self.folder / file, error) from error
            found.update(value for value in pc.unique(column).to_pylist() if value is not None)
        if split is None:
            require_one_split(found, path)
        elif split != ALL and split not in found:
            raise InputError(f"{path}: its column `split` has no {split!r}, only {', '.join(sorted(found))}")
        return None if split in (None, ALL) else split

    def fingerprint(self) -> str:
        """Of the names and sizes of the files."""
        return listing_fingerprint(self.folder, self.files)

    def total_rows(self, settings: RowSettings) -> int | None:
        """From the footers; unknown where rows are chosen by split or hold lists of captions."""
        if self.row_split is not None or (settings.captions == "pairs" and not self._one_caption):
            return None
        return sum(pq.read_metadata(self.folder / file).num_rows for file in self.files)

    def records(self) -> Iterator[Record]:
        """One record a row."""
        for file in self.files:
            path = self.folder / file
            try:
                with pq.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False) as parquet:
                    number = 0
                    for group in range(parquet.num_row_groups):
                        yield from self._group(parquet, group, file, number)
                        number += parquet.metadata.row_group(group).num_rows
            except (pa.ArrowException, OSError) as error:
                raise _unreadable(path, error) from error

    def _group(self, parquet: pq.ParquetFile, group: int, file: Path, number: int) -> Iterator[Record]:
        columns = self._light_columns(parquet.schema_arrow)
        light = parquet.iter_batches(batch_size=_TEXT_BATCH, row_groups=[group], columns=columns, use_threads=False)
        pictures = None if self.image is None else _Pictures(parquet, group, self.image)
        index = -1
        for batch in light:
            batch.validate(full=True)  # texts that are not UTF-8, offsets that lead nowhere
            all_tokens = batch.column("tokens") if self._has_tokens else None
            texts = batch.drop_columns(["tokens"]) if self._has_tokens else batch
            for at, values in enumerate(texts.to_pylist()):
                index += 1
                if self.row_split is not None and values.get("split") != self.row_split:
                    continue
                tokens = None
                if all_tokens is not None and all_tokens[at].is_valid:
                    tokens = all_tokens[at].values.to_numpy()  # [N]
                yield Record(
                    key=f"{file.as_posix()}:{number + index}",
                    captions=_captions(values[self.caption]),
                    load=_nothing if pictures is None else partial(pictures.load, index),
                    image_path=self._picture_name(values),
                    provenance=restored_columns(values),
                    tokens=tokens,
                )

    def _light_columns(self, schema: pa.Schema) -> list[str]:
        """What is read for every row: captions, names and our own columns, but not the pictures."""
        names = [self.caption]
        for column in schema:
            kind = column.type
            if column.name in ("split", *NAME_COLUMNS, *RESTORED) and column.name != self.caption:
                if is_text(kind) or is_text_list(kind) or pa.types.is_integer(kind):
                    names.append(column.name)
            elif column.name == self.image and pa.types.is_struct(kind) and kind.get_field_index("path") >= 0:
                names.append(f"{column.name}.path")
            elif column.name == "tokens" and self._has_tokens:
                names.append("tokens")
        return names

    def _picture_name(self, values: dict[str, Any]) -> str | None:
        inside = values.get(self.image) if self.image is not None else None
        if isinstance(inside, dict) and isinstance(inside.get("path"), str):
            return str(inside["path"])
        return next((values[key] for key in NAME_COLUMNS if isinstance(values.get(key), str)), None)


class _Pictures:
    """The pictures of one row group, read forwards in small batches from the first one that is asked for."""

    def __init__(self, parquet: pq.ParquetFile, group: int, column: str) -> None:
        self._batches: Iterator[pa.RecordBatch] | None = None
        self._parquet, self._group, self._column = parquet, group, column
        self._batch: pa.RecordBatch | None = None
        self._start = 0  # row of the group at which `_batch` starts

    def load(self, index: int) -> bytes | None:
        """The picture of row `index` of the group; indices must not fall. None where the row has none."""
        try:
            if self._batches is None:
                self._batches = self._parquet.iter_batches(
                    batch_size=_IMAGE_BATCH, row_groups=[self._group], columns=[self._column]
                )
            while self._batch is None or index >= self._start + self._batch.num_rows:
                self._start += 0 if self._batch is None else self._batch.num_rows
                self._batch = next(self._batches)
        except (pa.ArrowException, OSError, StopIteration) as error:
            raise InputError(f"the image cannot be read from the Parquet file ({error})") from error
        value = self._batch.column(0)[index - self._start]
        data = (value["bytes"] if pa.types.is_struct(value.type) else value) if value.is_valid else None
        if data is None or not data.is_valid:
            return None
        picture: bytes = data.as_py()
        if len(picture) > MAX_IMAGE_BYTES:
            raise InputError(f"image of {len(picture):,} bytes, more than {MAX_IMAGE_BYTES:,}")
        return picture


def parquet_files(folder: Path) -> Iterator[Path]:
    """The `.parquet` files under a folder, relative to it, sorted."""
    return (file for file in walk_files(folder) if file.suffix.lower() == ".parquet")


def _captions(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(text or "" for text in value) if value is not None else ()


def _nothing() -> None:
    return None


def _schema(path: Path) -> pa.Schema:
    try:
        return pq.read_schema(path)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(f"{path}: is no readable Parquet file, perhaps cut off ({error}); copy or download it again")


def iter_pairs_parquet(
    path: Path | str,
    split: str | None = None,
    image_column: str | None = None,
    caption_column: str | None = None,
    settings: RowSettings | None = None,
) -> Iterator[Pair]:
    """Rows of Parquet files, lazily; arguments and errors of `ParquetSource`."""
    yield from iter_rows(ParquetSource(path, split, image_column, caption_column), settings or RowSettings())
