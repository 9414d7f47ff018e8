"""WebDataset tars in the layout of img2dataset: `key.jpg` (png, webp), `key.txt`, `key.json`.

The caption is the text file, else `caption` in the JSON. Tars that Pairsmith exported carry the columns of the pair in
their JSON (and tokens as `key.npy`); those come back as they were.
"""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as numpy_format

from pairsmith.errors import InputError
from pairsmith.pairs.importers.files import (
    MAX_IMAGE_BYTES,
    listing_fingerprint,
    require_path,
    source_name,
    split_captions,
    walk_files,
)
from pairsmith.pairs.importers.rows import Record, RowSettings, Source, broken_record, iter_rows, restored_columns
from pairsmith.pairs.importers.splits import files_of_split
from pairsmith.pairs.importers.tar_samples import TarSample, read_member, tar_samples
from pairsmith.pairs.schema import Pair

IMAGE_EXTENSIONS = ("jpg", "jpeg", "png", "webp")
WANTED = frozenset((*IMAGE_EXTENSIONS, "txt", "json", "npy"))
MAX_TEXT_BYTES = 2**20  # a .txt, .json or .npy larger than this belongs to something else

_log = logging.getLogger(__name__)


class WebDatasetSource(Source):
    """The samples of one tar, or of all tars of a folder in the order of their names, as records.

    Args:
        path: a `.tar` file or a folder that holds them.
        split: takes the tars in the folder of this name, or those whose names begin with it; `all` takes every tar.
        caption_per_line: each line of a `.txt` is a caption of its own, as in retrieval sets.

    Raises:
        InputError: nothing there, no tars (of this split), or tars of several splits and none chosen.
    """

    format = "webdataset"

    def __init__(self, path: Path | str, split: str | None = None, caption_per_line: bool = False) -> None:
        path = require_path(path)
        self.folder = path if path.is_dir() else path.parent
        self.name = source_name(path)
        self.files = list(tar_files(path)) if path.is_dir() else [Path(path.name)]
        self.caption_per_line = caption_per_line
        if not self.files:
            raise InputError(f"{path}: holds no .tar files")
        self.files = files_of_split(self.files, split, path)
        self._look_at_tokens()

    def _look_at_tokens(self) -> None:
        """Width and tokenizer of the tokens, from the first sample: a store must know both before its first row."""
        path = self.folder / self.files[0]
        try:
            sample = next(tar_samples(path, WANTED), None)
            if sample is None or not sample.members.keys().isdisjoint(IMAGE_EXTENSIONS):
                return
            tokens = _tokens(path, sample)
            if tokens is not None:
                tokenizer = _json_object(path, sample).get("tokenizer")
                self.num_tokens = len(tokens)
                is_fingerprint = isinstance(tokenizer, str) and re.fullmatch("[0-9a-f]{8,64}", tokenizer)
                self.tokenizer = tokenizer if is_fingerprint else None
        except InputError:  # reported when the records are read
            return

    def fingerprint(self) -> str:
        """Of the names and sizes of the tars."""
        return listing_fingerprint(self.folder, self.files)

    def records(self) -> Iterator[Record]:
        """One record a sample; a torn tar ends with a broken record, and the next tar follows."""
        for file in self.files:
            path = self.folder / file
            try:
                for sample in tar_samples(path, WANTED):
                    yield self._record(path, file, sample)
            except InputError as error:
                _log.warning("%s", error)
                yield broken_record(f"{file.as_posix()}:end", str(error))

    def _record(self, path: Path, file: Path, sample: TarSample) -> Record:
        key = f"{file.as_posix()}/{sample.key}"
        try:
            details = _json_object(path, sample)
            captions = self._captions(path, sample, details)
            image = next((name for name in IMAGE_EXTENSIONS if name in sample.members), None)
            tokens = None if image else _tokens(path, sample)
            if tokens is not None and self.num_tokens is not None and len(tokens) != self.num_tokens:
                raise InputError(f"the sample has {len(tokens)} tokens, those before it {self.num_tokens}")
        except InputError as error:
            return broken_record(key, str(error))
        restored = restored_columns(details)
        if image is None:
            return Record(key, captions, _no_image, None, restored, tokens)
        load = partial(_image, path, *sample.members[image])
        named = details.get("image_path") if restored else f"{sample.key}.{image}"
        return Record(key, captions, load, named if isinstance(named, str) else None, restored)

    def _captions(self, path: Path, sample: TarSample, details: dict[str, Any]) -> tuple[str, ...]:
        text = _member(path, sample, "txt")
        if text is not None:
            return split_captions(text, self.caption_per_line)
        caption = details.get("caption")
        return (caption,) if isinstance(caption, str) else ()


def tar_files(folder: Path) -> Iterator[Path]:
    """The `.tar` files under a folder, relative to it, sorted."""
    return (file for file in walk_files(folder) if file.suffix.lower() == ".tar")


def _member(path: Path, sample: TarSample, extension: str) -> bytes | None:
    if extension not in sample.members:
        return None
    offset, size = sample.members[extension]
    if size > MAX_TEXT_BYTES:
        raise InputError(f"{path.name}: {sample.key}.{extension} has {size:,} bytes, more than {MAX_TEXT_BYTES:,}")
    return read_member(path, offset, size)


def _json_object(path: Path, sample: TarSample) -> dict[str, Any]:
    data = _member(path, sample, "json")
    if data is None:
        return {}
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path.name}: {sample.key}.json is not valid JSON ({error})") from error
    return content if isinstance(content, dict) else {}


def _tokens(path: Path, sample: TarSample) -> np.ndarray | None:
    """VQ ids [N] uint16 of a sample without a picture; an array of another kind is somebody else's."""
    data = _member(path, sample, "npy")
    if data is None:
        return None
    stream = io.BytesIO(data)
    try:
        version = numpy_format.read_magic(stream)
        read = numpy_format.read_array_header_1_0 if version == (1, 0) else numpy_format.read_array_header_2_0
        shape, _, dtype = read(stream)
    except Exception as error:  # NumPy reads the header as a piece of Python, which fails in many ways
        raise InputError(f"{path.name}: {sample.key}.npy is not a NumPy array ({error})") from error
    if dtype.hasobject:
        raise InputError(f"{path.name}: {sample.key}.npy is not a NumPy array of numbers")
    if dtype != np.uint16 or len(shape) != 1:
        return None
    body = data[stream.tell() :]  # its length is compared before memory is taken for what the header promises
    if shape[0] * dtype.itemsize != len(body):
        raise InputError(f"{path.name}: {sample.key}.npy promises {shape[0]} numbers and holds {len(body)} bytes")
    return np.frombuffer(body, dtype).astype(np.uint16)


def _image(path: Path, offset: int, size: int) -> bytes:
    if size > MAX_IMAGE_BYTES:
        raise InputError(f"image of {size:,} bytes, more than {MAX_IMAGE_BYTES:,}")
    return read_member(path, offset, size)


def _no_image() -> None:
    return None


def iter_pairs_webdataset(
    path: Path | str, split: str | None = None, settings: RowSettings | None = None
) -> Iterator[Pair]:
    """Rows of WebDataset tars, lazily; arguments and errors of `WebDatasetSource`."""
    settings = settings or RowSettings()
    yield from iter_rows(WebDatasetSource(path, split, settings.caption_per_line), settings)
