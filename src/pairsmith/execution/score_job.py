"""One score of a store on its way to a sidecar: which rows lack it, the parts that are made, the file in the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np

from pairsmith.errors import InputError
from pairsmith.execution.parts import Parts, ScoredRows, join_rows
from pairsmith.execution.vector_rows import gather_vectors
from pairsmith.pairs import PairStore
from pairsmith.pairs.outcome import commonest_reasons
from pairsmith.pairs.scores import read_score_column, write_embeddings, write_scores
from pairsmith.pairs.sidecars import (
    EMBEDDINGS_FOLDER,
    SCORES_FOLDER,
    check_settings,
    read_sidecar,
    sidecar_batches,
    sidecar_names,
    sidecar_path,
)


@dataclass(frozen=True)
class ScoreSummary:
    """What came of a score.

    Attributes:
        scored, failed: rows with a value, and without.
        computed: rows that were computed now, not found finished.
        reasons: commonest reasons of failed rows with their numbers.
        values: mean, least and greatest of the scores; None for vectors, or where there are none.
    """

    scored: int
    failed: int
    computed: int
    reasons: Sequence[str] = ()
    values: tuple[float, float, float] | None = None


class NothingScored(InputError):
    """Not one row of the store has got the score."""


class Score(Protocol):
    """What a run must know of a score."""

    def describe(self) -> dict[str, Any]:
        """Everything that decides the values, as JSON values. Cheap: loads no model."""


@dataclass(frozen=True, eq=False)
class Concluded:
    """Scores [N], and for each row the number of the row that it repeats (its own, where it repeats none)."""

    values: np.ndarray
    twins: np.ndarray | None = None


@runtime_checkable
class Concluding(Protocol):
    """A score that only exists among all rows."""

    def conclude(self, ids: Sequence[str], rows: np.ndarray) -> Concluded:
        """From what parts hold of all rows that did not fail, [N, ...] in order of the store, to the scores."""


class ScoreJob:
    """One score of a store on its way to a sidecar."""

    def __init__(self, store: PairStore, name: str, score: Score, retry_failed: bool) -> None:
        self.name, self.score, self._store = name, score, store
        self.settings = score.describe()
        for folder in (SCORES_FOLDER, EMBEDDINGS_FOLDER):
            check_settings(store, folder, name, self.settings)
        self.parts = Parts(store.folder / SCORES_FOLDER / f".{name}", self.settings)
        try:
            finished = [] if isinstance(score, Concluding) else [_without_vectors(rows) for rows in self._finished()]
            self._known = finished + [_without_vectors(rows) for rows in self.parts.read()]
            self._untouched = bool(finished) and len(self._known) == len(finished)
        except BaseException:
            self.parts.release()
            raise
        self._whole = isinstance(score, Concluding) and self._set_is_whole(retry_failed)
        self.missing = self._missing(retry_failed)
        self.computed = 0

    def keep(self, rows: ScoredRows) -> None:
        """Rows that were computed, as a part."""
        self.parts.add(rows)
        self._known.append(_without_vectors(rows))
        self.computed += len(rows.ids)

    def failed_before(self) -> dict[int, str]:
        """Position -> reason of the rows that are known to have no value."""
        failed = {name: reason for name, reason in self._latest().items() if reason is not None}
        return dict(zip(self._store.positions(failed).tolist(), failed.values(), strict=True))

    def finish(self) -> ScoreSummary:
        """Write the sidecar, take the parts away, and say what came of it."""
        if self._whole:
            column = read_score_column(self._store, self.name)
            self.parts.remove()
            return _summary(column.values, column.reasons, 0)
        ids, reasons = self._last_of_each()
        if self._untouched and not self.computed:
            self.parts.remove()
            return _summary(None if self._vectors else self._numbers(ids), reasons, 0)
        good = np.array([reason is None for reason in reasons], bool)
        if isinstance(self.score, Concluding):
            scores, twins = self._conclude(self.score, ids, good)
            write_scores(self._store, self.name, ids, scores, self.settings, reasons=reasons, twins=twins)
            summary = _summary(scores, reasons, self.computed)
        elif self._vectors:
            vectors = self._gathered(ids, good, np.float32)
            write_embeddings(self._store, self.name, ids, vectors, self.settings, reasons=reasons)
            # Of an earlier run in which no row got a vector, so that nobody knew that it would be one.
            sidecar_path(self._store, SCORES_FOLDER, self.name).unlink(missing_ok=True)
            summary = _summary(None, reasons, self.computed)
        else:
            scores = np.where(good, self._numbers(ids), np.nan)
            write_scores(self._store, self.name, ids, scores, self.settings, reasons=reasons)
            summary = _summary(scores, reasons, self.computed)
        self.parts.remove()
        if ids and not good.any():
            raise NothingScored(
                f"{self._store.folder}: no pair could be given the score {self.name!r}: "
                f"{'; '.join(summary.reasons)}; mend the cause, then run again with --retry-failed"
            )
        return summary

    def _conclude(
        self, score: Concluding, ids: Sequence[str], good: np.ndarray
    ) -> tuple[np.ndarray, list[str | None] | None]:
        """Scores of all rows, NaN of those that failed; and the ids that they repeat."""
        kept = [name for name, fine in zip(ids, good.tolist(), strict=True) if fine]
        rows = self._gathered(kept, np.ones(len(kept), bool)) if self._vectors else self._numbers(kept)
        found = score.conclude(kept, rows)
        scores = np.full(len(ids), np.nan)
        scores[good] = found.values
        if found.twins is None:
            return scores, None
        twins: list[str | None] = [None] * len(ids)
        for at, twin in zip(np.flatnonzero(good).tolist(), found.twins.tolist(), strict=True):
            twins[at] = kept[twin]
        return scores, twins

    def _latest(self) -> dict[str, str | None]:
        """Id -> why the row has no value, None where it has one, by what was found last."""
        return {name: reason for rows in self._known for name, reason in zip(rows.ids, rows.reasons, strict=True)}

    def _last_of_each(self) -> tuple[list[str], list[str | None]]:
        """Rows that are known, in order of the store, and why they have no value, by what was found last."""
        latest = self._latest()
        ids = [name for name in self._store.ids() if name in latest]
        return ids, [latest[name] for name in ids]

    def _numbers(self, ids: Sequence[str]) -> np.ndarray:
        """Values of rows, one number each."""
        rows = join_rows(self._known)
        latest = {name: at for at, name in enumerate(rows.ids)}
        return rows.values[np.array([latest[name] for name in ids], np.int64)]

    def _gathered(self, ids: Sequence[str], good: np.ndarray, dtype: type | None = None) -> np.ndarray:
        """Vectors of rows, read again from the disk; NaN of those that are not good."""
        places = {name: at for at, name in enumerate(ids) if good[at]}
        return gather_vectors(self._on_disk(), places, len(ids), self.parts.folder, dtype)

    @property
    def _vectors(self) -> bool:
        return any(rows.values.ndim > 1 for rows in self._known)

    def _on_disk(self) -> Iterator[ScoredRows]:
        """All that is known, in the order in which it was found."""
        if not isinstance(self.score, Concluding):
            yield from self._finished()
        yield from self.parts.read()

    def _finished(self) -> Iterator[ScoredRows]:
        """What an earlier run finished."""
        for folder, column in ((EMBEDDINGS_FOLDER, "vector"), (SCORES_FOLDER, "score")):
            if self.name not in sidecar_names(self._store, folder):
                continue
            for table in sidecar_batches(self._store, folder, self.name):
                values = table.column(column).combine_chunks()
                array = values.to_numpy() if column == "score" else values.flatten().to_numpy()
                ids = table.column("id").to_pylist()
                reasons = table.column("reason").to_pylist() if "reason" in table.column_names else [None] * len(ids)
                yield ScoredRows(ids, array.reshape(len(ids), -1) if column == "vector" else array, reasons)
            return

    def _set_is_whole(self, retry_failed: bool) -> bool:
        """Whether a score among all rows is finished for exactly the rows that the store has."""
        if self.name not in sidecar_names(self._store):
            return False
        table = read_sidecar(self._store, SCORES_FOLDER, self.name).table
        failed = table.column("reason").null_count < len(table)
        return set(table.column("id").to_pylist()) == set(self._store.ids()) and not (retry_failed and failed)

    def _missing(self, retry_failed: bool) -> np.ndarray:
        """Which rows are to be computed, bool [len(store)]."""
        missing = np.full(len(self._store), not self._whole)
        known = [name for name, reason in self._latest().items() if reason is None or not retry_failed]
        missing[self._store.positions(known)] = False
        return missing


def _without_vectors(rows: ScoredRows) -> ScoredRows:
    """Vectors stay on the disk; numbers are few enough to be kept."""
    return rows if rows.values.ndim == 1 else replace(rows, values=rows.values[:0].copy())


def _summary(values: np.ndarray | None, reasons: Sequence[str | None], computed: int) -> ScoreSummary:
    told = [reason for reason in reasons if reason is not None]
    found = None
    if values is not None and np.isfinite(values).any():
        finite = values[np.isfinite(values)]
        found = (float(finite.mean()), float(finite.min()), float(finite.max()))
    return ScoreSummary(len(reasons) - len(told), len(told), computed, tuple(commonest_reasons(told)), found)
