"""What is said about pairs without touching them: scores, embeddings and selections, as files beside the shards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pairsmith.errors import InputError
from pairsmith.pairs.sidecars import (
    EMBEDDINGS_FOLDER,
    SCORES_FOLDER,
    SELECTIONS_FOLDER,
    read_sidecar,
    sidecar_batches,
    sidecar_names,
    write_sidecar,
)
from pairsmith.pairs.store import PairStore
from pairsmith.settings import Settings

__all__ = [
    "EMBEDDINGS_FOLDER",
    "SCORES_FOLDER",
    "SELECTIONS_FOLDER",
    "ScoreColumn",
    "Selection",
    "read_embeddings",
    "read_score_column",
    "read_scores",
    "read_selection",
    "sidecar_names",
    "write_embeddings",
    "write_scores",
    "write_selection",
]


def write_scores(
    store: PairStore,
    name: str,
    ids: Sequence[str],
    values: Sequence[float] | np.ndarray,
    settings: Mapping[str, Any] | Settings,
    *,
    reasons: Sequence[str | None] | None = None,
    twins: Sequence[str | None] | None = None,
) -> Path:
    """Write `scores/<name>.parquet` (columns id, score float64, and the optional ones), atomically.

    Args:
        ids: pairs of the store, each at most once; pairs left out have no score.
        values: one score each; NaN says that it could not be computed.
        settings: what the scores depend on besides the pairs; the same name keeps the same settings for ever.
        reasons: why a score could not be computed, None where it could; column `reason`.
        twins: the id of the pair that each one repeats (its own where it repeats none); column `twin`.

    Raises:
        InputError: an unfit name, ids unknown or twice, unequal lengths, or scores of that name with other settings.
    """
    columns: dict[str, pa.Array] = {"id": pa.array(ids, pa.string()), "score": _as_scores(values, len(ids))}
    for key, texts in (("reason", reasons), ("twin", twins)):
        if texts is not None:
            columns[key] = pa.array(texts, pa.string())
    return write_sidecar(store, SCORES_FOLDER, name, pa.table(columns), settings)


def read_scores(store: PairStore, name: str) -> np.ndarray:
    """The scores in order of the store's positions: float64 [len(store)], NaN where a pair has none.

    Raises:
        InputError: there are no such scores, or they name pairs that the store does not have.
    """
    return read_score_column(store, name).values


@dataclass(frozen=True, eq=False)
class ScoreColumn:
    """All there is to a score, in order of the store's positions.

    Attributes:
        values: float64 [n], NaN where a pair has none.
        reasons: why it has none, [n]; None where it has one or nothing is known.
        twins: position of the pair that each repeats, int64 [n]; None for scores that know of no twins.
        settings: how the scores were made.
    """

    values: np.ndarray
    reasons: list[str | None]
    twins: np.ndarray | None
    settings: Mapping[str, Any]


def read_score_column(store: PairStore, name: str) -> ScoreColumn:
    """Scores with their reasons and twins.

    Raises:
        InputError: as `read_scores`.
    """
    sidecar = read_sidecar(store, SCORES_FOLDER, name)
    table, size = sidecar.table, len(store)
    places = store.positions(table.column("id").to_pylist())
    values = np.full(size, np.nan)
    values[places] = table.column("score").to_numpy()
    reasons: list[str | None] = [None] * size
    if "reason" in table.column_names:
        column = table.column("reason")
        for at in np.flatnonzero(pc.is_valid(column).to_numpy()):
            reasons[places[at]] = column[int(at)].as_py()
    twins = None
    if "twin" in table.column_names:
        named = pc.if_else(pc.is_valid(table.column("twin")), table.column("twin"), table.column("id"))
        twins = np.arange(size)
        twins[places] = store.positions(named.to_pylist())
    return ScoreColumn(values, reasons, twins, sidecar.settings)


def write_embeddings(
    store: PairStore,
    name: str,
    ids: Sequence[str],
    vectors: np.ndarray,
    settings: Mapping[str, Any] | Settings,
    *,
    reasons: Sequence[str | None] | None = None,
) -> Path:
    """Write `embeddings/<name>.parquet` (columns id, vector, reason), atomically.

    Args:
        vectors: [n, D] float32; a row of NaN says that there is none, and `reasons` says why.

    Raises:
        InputError: as `write_scores`.
    """
    array = np.asarray(vectors, np.float32)
    if array.ndim != 2 or len(array) != len(ids):
        raise InputError(f"embeddings must be one vector for each of {len(ids)} pairs, not of shape {array.shape}")
    column = pa.FixedSizeListArray.from_arrays(pa.array(array.reshape(-1)), array.shape[1])
    table = pa.table(
        {
            "id": pa.array(ids, pa.string()),
            "vector": column,
            "reason": pa.array([None] * len(ids) if reasons is None else reasons, pa.string()),
        }
    )
    return write_sidecar(store, EMBEDDINGS_FOLDER, name, table, settings)


def read_embeddings(store: PairStore, name: str) -> np.ndarray:
    """Embeddings in order of the store's positions, float32 [len(store), D]; NaN where a pair has none.

    Raises:
        InputError: there are none of that name.
    """
    vectors: np.ndarray | None = None
    for table in sidecar_batches(store, EMBEDDINGS_FOLDER, name):
        column = table.column("vector").combine_chunks()
        width = column.type.list_size
        if vectors is None:
            vectors = np.full((len(store), width), np.nan, np.float32)
        vectors[store.positions(table.column("id").to_pylist())] = column.flatten().to_numpy().reshape(-1, width)
    return np.zeros((len(store), 0), np.float32) if vectors is None else vectors


@dataclass(frozen=True, eq=False)
class Selection:
    """Chosen pairs, best first.

    Attributes:
        ids: of the chosen pairs, in order of rank.
        scores: what each was chosen by, float64 [n].
        settings: how the choice was made.
        counts: rows that were there, and that every rule left.
    """

    ids: Sequence[str]
    scores: np.ndarray
    settings: Mapping[str, Any] = field(default_factory=dict)
    counts: Mapping[str, Any] = field(default_factory=dict)

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
    return write_sidecar(store, SELECTIONS_FOLDER, name, table, selection.settings, selection.counts)


def read_selection(store: PairStore, name: str) -> Selection:
    """A selection of the store.

    Raises:
        InputError: there is none of that name.
    """
    sidecar = read_sidecar(store, SELECTIONS_FOLDER, name)
    table = sidecar.table.sort_by("rank")
    return Selection(table.column("id").to_pylist(), table.column("score").to_numpy(), sidecar.settings, sidecar.counts)


def _as_scores(values: Sequence[float] | np.ndarray, count: int) -> pa.Array:
    scores = np.asarray(values, np.float64)
    if scores.shape != (count,):
        raise InputError(f"scores must be one number for each of {count} pairs, not an array of shape {scores.shape}")
    return pa.array(scores)
