"""Where exports go: a folder that appears whole or not at all, pictures in formats that everybody reads, JSON arrays.

An export is written to a temporary folder beside its place and renamed at the end, so what a training run finds is
never half an export. Tars, Parquet and JSON files are flushed to disk before that; loose images are not, one by one
that would take longer than writing them.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from PIL import Image

from pairsmith.errors import InputError, PairsmithError
from pairsmith.pairs.atomic import sync_folder
from pairsmith.pairs.images import decode_image, encode_image
from pairsmith.pairs.schema import Pair
from pairsmith.pairs.store import PairStore

Progress = Callable[[int, int], None]  # rows done, rows in all

_STEP = 100  # rows between two calls of progress


@contextmanager
def new_folder(out: Path | str) -> Iterator[Path]:
    """A temporary folder that becomes `out` when the block ends well, and is removed when it does not.

    Raises:
        InputError: `out` exists and is not an empty folder, or cannot be written.
    """
    out = Path(os.path.abspath(out))
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: exists already; give another folder for the export, or empty this one")
    temporary = out.with_name(f"{out.name}.tmp-{os.getpid()}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        _sweep(out)
        temporary.mkdir()
        yield temporary
        if out.exists():
            out.rmdir()
        os.replace(temporary, out)
        sync_folder(out.parent)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(error, OSError) and not isinstance(error, PairsmithError):
            raise InputError(f"{out}: cannot be written ({error.strerror or error}); nothing was exported") from error
        raise


def _sweep(out: Path) -> None:
    """Remove what killed exports to the same place have left."""
    for entry in out.parent.iterdir():
        if re.fullmatch(re.escape(out.name) + r"\.tmp-\d+", entry.name):
            shutil.rmtree(entry)


def export_rows(store: PairStore, ids: Collection[str] | None, progress: Progress | None) -> Iterator[Pair]:
    """The "ok" rows of a store in order, or those of them whose id is in `ids`.

    Raises:
        InputError: no row at all, or an id that the store does not have as an "ok" row.
    """
    chosen = None if ids is None else set(ids)
    if chosen is not None:
        store.positions(chosen)
    total = len(store) if chosen is None else len(chosen)
    if not total:
        raise InputError(f"{store.folder}: has no rows to export")
    done = 0
    for pair in store.iter_pairs():
        if chosen is not None and pair.id not in chosen:
            continue
        yield pair
        done += 1
        if progress is not None and (done % _STEP == 0 or done == total):
            progress(done, total)


@dataclass(frozen=True)
class Picture:
    """A picture in a format that every loader reads.

    Attributes:
        data: encoded bytes.
        extension: "jpg", "png" or "webp".
        width, height: in pixels, as the header says.
    """

    data: bytes
    extension: str
    width: int
    height: int


def portable_picture(pair: Pair, format: str) -> Picture:
    """The picture of a pair: JPEG, PNG and WebP bytes as they are, anything else as PNG.

    Raises:
        InputError: the pair has no picture (perhaps only tokens), or one that cannot be read; `format` names the
            export that needs it.
    """
    data = pair.image
    if data is None:
        what = "only tokens" if pair.tokens is not None else "no image"
        raise InputError(f"pair {pair.id} has {what}, and {format} needs images; render the pairs first")
    try:
        extension = _extension(data)
        if extension is None:
            data, extension = encode_image(decode_image(data), "png"), "png"
        with Image.open(io.BytesIO(data)) as image:  # reads the header only
            return Picture(data, extension, *image.size)
    except (InputError, OSError, Image.DecompressionBombError) as error:
        raise InputError(f"pair {pair.id}: its image cannot be read ({error})") from error


def _extension(data: bytes) -> str | None:
    if data.startswith(b"\xff\xd8\xff"):
        return "jpg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    return "webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def flush(file: IO[Any]) -> None:
    """Make what was written to an open file outlast a power cut."""
    file.flush()
    os.fsync(file.fileno())


class JsonArray:
    """A JSON array, written to a file item by item."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._file = path.open("w", encoding="utf-8")
        self._file.write("[\n")

    def add(self, item: Mapping[str, Any]) -> None:
        self._file.write((",\n" if self.count else "") + json.dumps(item, ensure_ascii=False))
        self.count += 1

    def __enter__(self) -> JsonArray:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.write("\n]\n")
        flush(self._file)
        self._file.close()


def join_json(path: Path, head: Mapping[str, Any], arrays: Mapping[str, JsonArray]) -> None:
    """Write one object from `head` and arrays that may be larger than memory; the files of the arrays are removed."""
    with path.open("w", encoding="utf-8") as file:
        file.write(json.dumps(head, ensure_ascii=False).removesuffix("}"))
        for name, items in arrays.items():
            file.write(f",\n{json.dumps(name)}: ")
            with items.path.open(encoding="utf-8") as part:
                shutil.copyfileobj(part, file)
            items.path.unlink()
        file.write("}\n")
        flush(file)
