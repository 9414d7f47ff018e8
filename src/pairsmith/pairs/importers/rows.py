"""From one picture with its captions to rows: the checks and the choices that all importers share.

Importers only find records (a key, captions, and a way to load the picture); here captions are cleaned and checked, the
picture is decoded once to prove that it is whole, shrunk when asked, and one row a caption, or one row a picture with
all captions as references, comes out. Nothing is dropped: what cannot be used becomes a row with its reason.
"""

from __future__ import annotations

import dataclasses
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal

import numpy as np
from pydantic import Field

from pairsmith.errors import InputError
from pairsmith.pairs.images import decode_image, encode_image
from pairsmith.pairs.importers.files import clean_text, storable
from pairsmith.pairs.schema import Pair, imported_id
from pairsmith.settings import Settings

CaptionMode = Literal["pairs", "references"]


class RowSettings(Settings):
    """How pictures and captions become rows."""

    captions: CaptionMode = Field(
        default="pairs", description="'pairs': a row per caption; 'references': a row per picture"
    )
    caption_per_line: bool = Field(default=False, description="each line of a text file is a caption")
    max_caption: int = Field(default=4096, ge=1, description="longest caption of an ok row, characters")
    max_side: int | None = Field(default=None, ge=16, description="longest side of stored pictures, pixels")
    jpeg_quality: int = Field(default=95, ge=1, le=100, description="of pictures that are encoded again")


@dataclasses.dataclass(frozen=True)
class Record:
    """One picture of a source, its captions, and how to get its bytes.

    Attributes:
        key: names the record; unique in its source.
        captions: raw texts, possibly none.
        load: returns the encoded picture, or None where the source has tokens instead; raises InputError.
        image_path: name of the picture in the source, for people and for exporters.
        provenance: columns of an earlier pair store that travelled with the record (see `restored_columns`).
        tokens: VQ ids [N] uint16 that travelled with the record.
        problem: why the source has nothing to load here (a torn file); the row is `failed` with this reason.
    """

    key: str
    captions: tuple[str, ...]
    load: Callable[[], bytes | None]
    image_path: str | None = None
    provenance: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    tokens: np.ndarray | None = None
    problem: str = ""


class Source(ABC):
    """A place that records come from.

    Attributes:
        format: name of the importer.
        name: names the source in row ids; no machine paths, so that ids are the same everywhere.
        num_tokens: VQ ids a row, where the source holds tokens of one width.
        tokenizer: fingerprint of the tokenizer of these tokens.
    """

    format: str
    name: str
    num_tokens: int | None = None
    tokenizer: str | None = None

    @abstractmethod
    def fingerprint(self) -> str:
        """16 hex digits that change when the source changes."""

    @abstractmethod
    def records(self) -> Iterator[Record]:
        """The records in a fixed order, lazily. A record's `load` is to be called before the next record is taken."""

    def total_rows(self, settings: RowSettings) -> int | None:
        """The number of rows to come, where it can be had without reading the source; else None."""
        return None


def broken_record(key: str, problem: str, captions: tuple[str, ...] = ()) -> Record:
    """A record that stands for something unreadable."""
    return Record(key, captions, lambda: None, problem=problem)


def row_count(record: Record, settings: RowSettings) -> int:
    """How many rows `record_rows` gives, known without loading the picture."""
    return 1 if settings.captions == "references" else max(1, len(record.captions))


def iter_rows(source: Source, settings: RowSettings) -> Iterator[Pair]:
    """All rows of a source, lazily."""
    for record in source.records():
        yield from record_rows(record, source, settings)


def record_rows(record: Record, source: Source, settings: RowSettings) -> Iterator[Pair]:
    """The rows of one record, the picture loaded and checked once.

    Status: `failed` where the picture cannot be had (no image bytes are kept), else `filtered` where the caption is
    empty or longer than `settings.max_caption`, else `ok`.
    """
    image: bytes | None = None
    problem = record.problem
    if not problem:
        try:
            image = _loaded_image(record, settings)
        except InputError as error:
            problem = str(error)
    problem = storable(problem)
    origin, key = storable(f"{source.format}:{source.name}"), storable(record.key)
    shared: dict[str, Any] = {
        "group": imported_id(origin, key),
        "image": image,
        "image_path": None if record.image_path is None else storable(record.image_path),
        "tokens": record.tokens,
        "generator": f"import:{source.format}",
    }
    captions = [clean_text(caption) for caption in record.captions] or [""]
    if settings.captions == "references":
        references = tuple(caption for caption in captions if caption)
        caption = references[0] if references else ""
        checked = _too_long(references, settings) if references else "empty caption"
        row_id = imported_id(origin, f"{key}\n" + "\n".join(references))
        yield _row(record, problem, checked, id=row_id, caption=caption, references=references, **shared)
        return
    for index, caption in enumerate(captions):
        checked = _too_long((caption,), settings) if caption else "empty caption"
        row_id = imported_id(origin, f"{key}\n{index}\n{caption}")
        yield _row(record, problem, checked, id=row_id, caption=caption, **shared)


def _row(record: Record, failed: str, filtered: str, **columns: Any) -> Pair:
    status = "failed" if failed else "filtered" if filtered else "ok"
    if len(record.captions) == 1:  # provenance describes one row; it cannot be split over several
        columns |= {name: value for name, value in record.provenance.items() if value not in (None, ())}
    return Pair(**columns, status=status, reason=failed or filtered)


def _too_long(captions: Iterable[str], settings: RowSettings) -> str:
    longest = max(len(caption) for caption in captions)
    return (
        f"caption of {longest} characters, more than {settings.max_caption}" if longest > settings.max_caption else ""
    )


def _loaded_image(record: Record, settings: RowSettings) -> bytes | None:
    data = record.load()
    if data is None:
        if record.tokens is None:
            raise InputError("the record has no image")
        return None
    picture = decode_image(data)  # decoding all of it is the only way to find a cut-off file
    if settings.max_side is None or max(picture.size) <= settings.max_side:
        return data
    picture.thumbnail((settings.max_side, settings.max_side))
    return encode_image(picture, "jpeg", settings.jpeg_quality)


_NULLABLE = ("negative", "negative_kind", "concept", "axis")
_TEXTS = ("id", "group", *_NULLABLE, "generator", "settings")
RESTORED = (*_TEXTS, "references", "seed")


def restored_columns(values: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of an exported pair, so that export and import give the same row again.

    Args:
        values: what came with a record, such as the JSON of a WebDataset sample.

    Returns:
        The columns `RESTORED`; empty unless they are there with the right types, since a foreign file may use one of
        these names for something else.
    """
    seed, references = values.get("seed"), values.get("references")
    if isinstance(seed, bool) or not isinstance(seed, int) or not -(2**63) <= seed < 2**63:
        return {}
    if not isinstance(references, list):
        return {}
    texts = [values.get(name) for name in _TEXTS if values.get(name) is not None or name not in _NULLABLE]
    if not all(isinstance(text, str) and storable(text) == text for text in (*texts, *references)):
        return {}
    if not re.fullmatch("[0-9a-f]{32}", values["id"]):
        return {}
    return {name: tuple(references) if name == "references" else values.get(name) for name in RESTORED}
