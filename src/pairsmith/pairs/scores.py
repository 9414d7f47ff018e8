"""What is said about pairs without touching them: scores and selections, as small Parquet files beside the shards."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pairsmith.errors import InputError
from pairsmith.pairs.atomic import atomic_file
from pairsmith.pairs.store import PairStore
from pairsmith.settings import Settings, canonical_json, first_difference

SCORES_FOLDER = "scores"
SELECTIONS_FOLDER = "selections"

_METADATA = b"pairsmith"
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*$")


def write_scores(
    store: PairStore,
    name: str,
    ids: Sequence[str],
    values: Sequence[float] | np.ndarray,
    settings: Mapping[str, Any] | Settings,
) -> Path:
    """Write `scores/<name>.parquet` (columns id, score float64), atomically.

    Args:
        ids: pairs of the store, each at most once; pairs left out have no score.
        values: one score each; NaN says that it could not be computed.
        settings: what the scores depend on besides the pairs; the same name keeps the same settings for ever.

    Raises:
        InputError: an unfit name, ids unknown or twice, unequal lengths, or scores of that name with other settings.
    """
    table = pa.table({"id": pa.array(ids, pa.string()), "score": _as_scores(values, len(ids))})
    return _write(store, SCORES_FOLDER, name, table, settings)


def read_scores(store: PairStore, name: str) -> np.ndarray:
    """The scores in order of the store's positions: float64 [len(store)], NaN where a pair has none.

    Raises:
        InputError: there are no such scores, or they name pairs that the store does not have.
    """
    table, _ = _read(store, SCORES_FOLDER, name)
    values = np.full(len(store), np.nan)
    values[store.positions(table.column("id").to_pylist())] = table.column("score").to_numpy()
    return values


@dataclass(frozen=True, eq=False)
class Selection:
    """Chosen pairs, best first.

    Attributes:
        ids: of the chosen pairs, in order of rank.
        scores: what each was chosen by, float64 [n].
        settings: how the choice was made.
    """

    ids: Sequence[str]
    scores: np.ndarray
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def positions(self, store: PairStore) -> np.ndarray:
        """Where the chosen pairs stand in the store, int64 [n], best first."""
        return store.positions(self.ids)


def write_selection(store: PairStore, name: str, selection: Selection) -> Path:
    """Write `selections/<name>.parquet` (columns id, rank int64 from 0, score float64), atomically.

    Raises:
        InputError: as `write_scores`.
    """
    table = pa.table(
        {
            "id": pa.array(selection.ids, pa.string()),
            "rank": pa.array(np.arange(len(selection.ids), dtype=np.int64)),
            "score": _as_scores(selection.scores, len(selection.ids)),
        }
    )
    return _write(store, SELECTIONS_FOLDER, name, table, selection.settings)


def read_selection(store: PairStore, name: str) -> Selection:
    """A selection of the store.

    Raises:
        InputError: there is none of that name.
    """
    table, settings = _read(store, SELECTIONS_FOLDER, name)
    table = table.sort_by("rank")
    return Selection(table.column("id").to_pylist(), table.column("score").to_numpy(), settings)


def sidecar_names(store: PairStore, folder: str = SCORES_FOLDER) -> list[str]:
    """The names of the scores (or, with SELECTIONS_FOLDER, of the selections) of a store, sorted."""
    return sorted(path.stem for path in (store.folder / folder).glob("*.parquet"))


def _as_scores(values: Sequence[float] | np.ndarray, count: int) -> pa.Array:
    scores = np.asarray(values, np.float64)
    if scores.shape != (count,):
        raise InputError(f"scores must be one number for each of {count} pairs, not an array of shape {scores.shape}")
    return pa.array(scores)


def _write(store: PairStore, kind: str, name: str, table: pa.Table, settings: Mapping[str, Any] | Settings) -> Path:
    path = _path(store, kind, name)
    ids = table.column("id").to_pylist()
    if len(set(ids)) < len(ids):
        raise InputError(f"{path}: an id is there twice")
    store.positions(ids)
    plain = json.loads(canonical_json(settings))
    if path.exists():
        _, old = _read(store, kind, name)
        difference = first_difference(old, plain)
        if difference:
            raise InputError(f"{path} was made with other settings: {difference}; give another name or delete the file")
    try:
        path.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(f"{path.parent}: the folder cannot be made ({error.strerror})") from error
    about = canonical_json({"settings": plain, "store": store.fingerprint})
    table = table.replace_schema_metadata({_METADATA: about.encode()}).combine_chunks()
    with atomic_file(path) as file:
        pq.write_table(table, file, compression="zstd", use_dictionary=False, write_page_checksum=True)
    return path


def _read(store: PairStore, kind: str, name: str) -> tuple[pa.Table, dict[str, Any]]:
    path = _path(store, kind, name)
    if not path.is_file():
        known = ", ".join(sidecar_names(store, kind)) or "none"
        raise InputError(f"{store.folder} has no {kind} named {name!r}; there are: {known}")
    try:
        table = pq.read_table(path, use_threads=False, page_checksum_verification=True)
        about = json.loads(table.schema.metadata[_METADATA])
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is damaged or not of this kind ({error}): delete it and make it again") from error
    return table, about["settings"]


def _path(store: PairStore, kind: str, name: str) -> Path:
    if not _NAME.match(name):
        raise InputError(f"the name {name!r} of {kind} must be of lower-case letters, digits, '_', '-' and '.'")
    return store.folder / kind / f"{name}.parquet"
