"""Conversations about pictures: LLaVA's JSON, or the pairs of a store as one answer each.

    [{"id": "...", "image": "a/b.jpg", "conversations": [{"from": "human", "value": "<image>\\nWhat is this?"},
                                                         {"from": "gpt", "value": "A dog."}, ...]}, ...]

A record without "image" is a conversation in text alone; "image" may be a list, with as many `<image>` markers in the
questions. A record that cannot be used becomes a failure with its reason, and never stops the others.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pairsmith.errors import InputError
from pairsmith.pairs.images import decode_image
from pairsmith.pairs.importers.files import MAX_IMAGE_BYTES, storable, unsafe_name
from pairsmith.pairs.store import PairStore
from pairsmith.settings import fingerprint

MARKER = "<image>"
Check = Literal["exists", "decode"]


@dataclass(frozen=True)
class Exchange:
    """One question and its answer; the question holds a `MARKER` for every picture that it brings."""

    question: str
    answer: str


@dataclass(frozen=True)
class Conversation:
    """Attributes:
    id: of the record, or of the pair.
    exchanges: at least one.
    pictures: encoded pictures, in the order of the markers.
    """

    id: str
    exchanges: tuple[Exchange, ...]
    pictures: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Failure:
    """A record that cannot be used.

    Attributes:
        id: of the record, or its number in the file where it has none.
        reason: a code, a colon, and what is wrong.
    """

    id: str
    reason: str


@dataclass(frozen=True)
class _Record:
    id: str
    exchanges: tuple[Exchange, ...]
    images: tuple[str, ...]


class ConversationFile:
    """The usable records of a LLaVA JSON file, as a source of a feed.

    Args:
        path: the JSON file.
        images: folder that the records' paths start from.
        check: "exists": pictures must be files; "decode": they must also be whole, which reads all of them.

    Attributes:
        failures: the records that cannot be used.
        lengths: words of each usable record, int64 [n].
        pictured: which of them have a picture, bool [n].
        fingerprint: of the file's content and of which records are usable.

    Raises:
        InputError: no JSON list of records, or not one of them can be used.
    """

    def __init__(self, path: Path, images: Path, check: Check = "exists") -> None:
        self.path, self.images = Path(path), Path(images)
        content, digest = _read_list(self.path)
        self._records: list[_Record] = []
        self.failures: list[Failure] = []
        for number, entry in enumerate(content):
            name = str(entry.get("id", number)) if isinstance(entry, dict) else str(number)
            try:
                record = _parse(entry, name)
                for image in record.images:
                    self._check_picture(image, check)
            except _Unusable as problem:
                self.failures.append(Failure(name, str(problem)))
            else:
                self._records.append(record)
        if not self._records:
            first = f", the first one because of {self.failures[0].reason}" if self.failures else ""
            raise InputError(f"{self.path}: none of its {len(content)} records can be used{first}")
        self.lengths = np.array([_words(record.exchanges) for record in self._records], np.int64)
        self.pictured = np.array([bool(record.images) for record in self._records])
        self.fingerprint = fingerprint([digest, [storable(failure.id) for failure in self.failures]])

    def __len__(self) -> int:
        return len(self._records)

    def collate(self, indices: Sequence[int], epochs: Sequence[int]) -> list[Conversation]:
        """The records at `indices`, with their pictures read."""
        return [self._load(self._records[index]) for index in indices]

    def _load(self, record: _Record) -> Conversation:
        try:
            pictures = tuple((self.images / name).read_bytes() for name in record.images)
        except OSError as error:
            raise InputError(
                f"{error.filename}: {error.strerror}; the picture of record {record.id} went missing since the start"
            ) from error
        return Conversation(record.id, record.exchanges, pictures)

    def _check_picture(self, name: str, check: Check) -> None:
        path = self.images / name
        try:
            found = path.is_file()
        except (OSError, ValueError) as error:  # a name that no file system takes
            raise _Unusable(f"image-missing: {error}") from error
        if not found:
            raise _Unusable(f"image-missing: {name}")
        if path.stat().st_size > MAX_IMAGE_BYTES:
            raise _Unusable(f"image-size: {name} has more than {MAX_IMAGE_BYTES:,} bytes")
        if check == "decode":
            try:
                decode_image(path.read_bytes())
            except (InputError, OSError) as error:
                raise _Unusable(f"image-damaged: {name}: {error}") from error


class PairConversations:
    """The pairs of a store as conversations: the picture asks, the caption answers.

    Args:
        store: rows with pictures.
        positions: which rows, int64 [n]; None uses all that are "ok".

    Attributes: as `ConversationFile`; there are no failures, since a store keeps its own.

    Raises:
        InputError: no rows, or rows without pictures.
    """

    def __init__(self, store: PairStore, positions: np.ndarray | None = None) -> None:
        self._store = store
        self._positions = np.arange(len(store)) if positions is None else np.asarray(positions, np.int64)
        if not len(self._positions):
            raise InputError(f"{store.folder}: there are no pairs to train on")
        self.failures: list[Failure] = []
        captions = store.column("caption")
        self.lengths = np.array([len(captions[int(row)].as_py().split()) for row in self._positions], np.int64)
        self.pictured = np.ones(len(self._positions), bool)
        self.fingerprint = fingerprint([store.fingerprint, self._positions.tolist()])
        self.collate([0], [0])

    def __len__(self) -> int:
        return len(self._positions)

    def collate(self, indices: Sequence[int], epochs: Sequence[int]) -> list[Conversation]:
        """The pairs at `indices`, with their pictures.

        Raises:
            InputError: a pair has no picture, or no caption.
        """
        rows = self._store.take(self._positions[np.asarray(indices, np.int64)], ["id", "caption", "image"])
        found = []
        for row in rows.to_pylist():
            data = row["image"] and row["image"]["bytes"]
            if not data or not row["caption"].strip():
                missing = "caption" if data else "picture"
                raise InputError(f"{self._store.folder}: row {row['id']} has no {missing}; leave it out by a selection")
            answer = row["caption"].replace(MARKER, "").strip()
            found.append(Conversation(row["id"], (Exchange(MARKER, answer),), (data,)))
        return found


class _Unusable(Exception):
    """Why a record cannot be used."""


def _read_list(path: Path) -> tuple[list[Any], str]:
    try:
        data = path.read_bytes()
        content = json.loads(data)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error})") from error
    if not isinstance(content, list) or not content:
        raise InputError(f"{path}: LLaVA's format is a list of records with 'conversations'")
    return content, hashlib.sha256(data).hexdigest()


def _parse(entry: Any, name: str) -> _Record:
    if not isinstance(entry, dict) or not isinstance(entry.get("conversations"), list):
        raise _Unusable("conversations: the record has no list of them")
    turns = []
    for turn in entry["conversations"]:
        if not isinstance(turn, dict) or not isinstance(turn.get("value"), str):
            raise _Unusable("conversations: a turn has no text in 'value'")
        turns.append((turn.get("from"), turn["value"].strip()))
    if turns and turns[0][0] == "gpt":  # as LLaVA does: what is said before the first question answers nothing
        turns = turns[1:]
    if not turns or len(turns) % 2 or any(role != ("human", "gpt")[at % 2] for at, (role, _) in enumerate(turns)):
        raise _Unusable("turns: questions ('human') and answers ('gpt') do not alternate, or the last has no answer")
    if not all(text for _, text in turns):
        raise _Unusable("turns: a turn is empty")
    exchanges = tuple(Exchange(turns[at][1], turns[at + 1][1]) for at in range(0, len(turns), 2))
    if any(MARKER in exchange.answer for exchange in exchanges):
        raise _Unusable(f"markers: an answer holds {MARKER}")
    images = _image_names(entry.get("image"))
    markers = sum(exchange.question.count(MARKER) for exchange in exchanges)
    if markers != len(images):
        raise _Unusable(f"markers: {markers} times {MARKER} in the questions, and pictures: {len(images)}")
    return _Record(name, exchanges, images)


def _image_names(value: Any) -> tuple[str, ...]:
    names = [] if value is None else value if isinstance(value, list) else [value]
    for name in names:
        if not isinstance(name, str) or not name:
            raise _Unusable("image: neither a path nor a list of paths")
        if unsafe_name(name):
            raise _Unusable(f"image-path: {unsafe_name(name)}")
    return tuple(names)


def _words(exchanges: Sequence[Exchange]) -> int:
    return sum(len(exchange.question.split()) + len(exchange.answer.split()) for exchange in exchanges)
