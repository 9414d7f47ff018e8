"""Scoring the pairs of a store: any scores in one pass over the pictures, resumable, without touching a pair.

Rows that a sidecar or a part of a stopped run already has are not computed again. A row without a score keeps the
reason; a stopped run keeps its finished parts.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pairsmith.captions.writer import WriterUnavailable
from pairsmith.curation.parts import Parts, ScoredRows, join_rows
from pairsmith.curation.reading import ReadyRow, ready_batches, reason_of
from pairsmith.curation.score import Batch, PairScore, ScoreFailures, SetScore, View
from pairsmith.errors import InputError
from pairsmith.pairs import PairStore
from pairsmith.pairs.outcome import commonest_reasons
from pairsmith.pairs.scores import read_score_column, write_embeddings, write_scores
from pairsmith.pairs.sidecars import EMBEDDINGS_FOLDER, SCORES_FOLDER, check_settings, read_sidecar, sidecar_names

logger = logging.getLogger(__name__)

Progress = Callable[[int, int, int], None]
_NO_NUMBER = "the score is not a finite number"


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


def score_pairs(
    store: PairStore,
    scores: Mapping[str, PairScore],
    *,
    batch_rows: int = 64,
    part_rows: int = 1000,
    workers: int | None = None,
    retry_failed: bool = False,
    progress: Progress | None = None,
) -> dict[str, ScoreSummary]:
    """Give every "ok" pair its scores, as sidecars `scores/<name>.parquet` or `embeddings/<name>.parquet`.

    Args:
        store: pairs; only their sidecars are written.
        scores: name of the sidecar -> score. All are computed in one pass, each picture decoded once.
        batch_rows: rows computed at a time; speed and memory, not the values but for rounding.
        part_rows: rows that a killed run loses at most.
        workers: threads that decode; None: one a core.
        retry_failed: compute again the rows that failed before.
        progress: called with (rows done, all rows, rows that lack a score).

    Raises:
        NothingScored: no row got one of the scores; the sidecar with the reasons is there.
        InputError: a sidecar of that name has other settings, or a model cannot be loaded.
        WriterUnavailable: a judge's server has gone; finished parts are kept.
    """
    jobs = [_Job(store, name, score, retry_failed) for name, score in scores.items()]
    try:
        wanted = np.zeros(len(store), bool)
        for job in jobs:
            wanted |= job.missing
        positions = np.flatnonzero(wanted)
        active = [job for job in jobs if job.missing.any()]
        views: dict[str, View] = {}
        for job in active:
            job.score.load()
            views.update(job.score.views())
        done = int(len(store) - len(positions))
        failed = 0
        if progress is not None:
            progress(done, len(store), 0)
        workers = workers if workers is not None else (os.cpu_count() or 1)
        batches = ready_batches(store, positions.tolist(), views, batch_rows=batch_rows, workers=workers)
        at = 0
        for rows in batches:
            places = positions[at : at + len(rows)]
            failed += _score_batch(active, rows, places)
            at += len(rows)
            for job in active:
                job.keep_part(part_rows)
            if progress is not None:
                progress(done + at, len(store), failed)
        for job in active:
            job.keep_part(1)
        return {job.name: job.finish() for job in jobs}
    finally:
        for job in jobs:
            job.parts.release()


class _Job:
    """One score of a store on its way to a sidecar."""

    def __init__(self, store: PairStore, name: str, score: PairScore, retry_failed: bool) -> None:
        self.name, self.score, self._store = name, score, store
        self.settings = score.describe()
        for folder in (SCORES_FOLDER, EMBEDDINGS_FOLDER):
            check_settings(store, folder, name, self.settings)
        self.parts = Parts(store.folder / SCORES_FOLDER / f".{name}", self.settings)
        try:
            finished = [] if isinstance(score, SetScore) else self._finished()
            self._known = finished + list(self.parts.read())
            self._untouched = bool(finished) and len(self._known) == len(finished)
        except BaseException:
            self.parts.release()
            raise
        self._whole = isinstance(score, SetScore) and self._set_is_whole(retry_failed)
        self.missing = self._missing(retry_failed)
        self.computed = 0
        self._open: list[ScoredRows] = []

    def add(self, rows: ScoredRows) -> None:
        """Rows that were computed."""
        self._open.append(rows)
        self.computed += len(rows.ids)

    def keep_part(self, least: int) -> None:
        """Write what was computed as a part once there are `least` rows."""
        if sum(len(rows.ids) for rows in self._open) >= least:
            part = join_rows(self._open)
            self.parts.add(part)
            self._known.append(part)
            self._open = []

    def finish(self) -> ScoreSummary:
        """Write the sidecar, take the parts away, and say what came of it."""
        if self._whole:
            column = read_score_column(self._store, self.name)
            self.parts.remove()
            return _summary(column.values, column.reasons, 0)
        rows = _last_of_each(join_rows(self._known), self._store)
        if self._untouched and not self.computed:
            self.parts.remove()
            return _summary(rows.values if rows.values.ndim == 1 else None, rows.reasons, 0)
        good = np.array([reason is None for reason in rows.reasons], bool)
        values = rows.values
        if values.ndim == 2 and not isinstance(self.score, SetScore):
            vectors = np.where(good[:, None], values, np.nan)
            write_embeddings(self._store, self.name, rows.ids, vectors, self.settings, reasons=rows.reasons)
            summary = _summary(None, rows.reasons, self.computed)
        else:
            twins: list[str | None] | None = None
            if isinstance(self.score, SetScore):
                kept = np.flatnonzero(good)
                found = self.score.conclude([rows.ids[at] for at in kept], values[kept])
                values = np.full(len(rows.ids), np.nan)
                values[kept] = found.values
                if found.twins is not None:
                    twins = [None] * len(rows.ids)
                    for at, twin in zip(kept, found.twins, strict=True):
                        twins[at] = rows.ids[kept[twin]]
            scores = np.where(good, values, np.nan) if len(rows.ids) else np.zeros(0)
            write_scores(self._store, self.name, rows.ids, scores, self.settings, reasons=rows.reasons, twins=twins)
            summary = _summary(scores, rows.reasons, self.computed)
        self.parts.remove()
        if rows.ids and not good.any():
            raise NothingScored(
                f"{self._store.folder}: no pair could be given the score {self.name!r}: "
                f"{'; '.join(summary.reasons)}; mend the cause, then run again with --retry-failed"
            )
        return summary

    def _finished(self) -> list[ScoredRows]:
        """What an earlier run finished."""
        for folder, column in ((SCORES_FOLDER, "score"), (EMBEDDINGS_FOLDER, "vector")):
            if self.name not in sidecar_names(self._store, folder):
                continue
            table = read_sidecar(self._store, folder, self.name).table
            values = table.column(column).combine_chunks()
            array = values.to_numpy() if column == "score" else values.flatten().to_numpy()
            reasons = table.column("reason").to_pylist() if "reason" in table.column_names else [None] * len(table)
            ids = table.column("id").to_pylist()
            return [ScoredRows(ids, array.reshape(len(ids), -1) if column == "vector" else array, reasons)]
        return []

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
        latest = {name: reason for rows in self._known for name, reason in zip(rows.ids, rows.reasons, strict=True)}
        known = [name for name, reason in latest.items() if reason is None or not retry_failed]
        missing[self._store.positions(known)] = False
        return missing


def _score_batch(jobs: Sequence[_Job], rows: Sequence[ReadyRow], places: np.ndarray) -> int:
    """Compute all scores of some rows; returns the number of rows that lack one."""
    batches: dict[tuple[int, ...], Batch] = {}  # scores of the same rows share what they compute
    lacking: set[int] = set()
    for job in jobs:
        mine = [at for at in range(len(rows)) if job.missing[places[at]]]
        needed = job.score.views()
        reasons: dict[int, str] = {}
        for at in mine:
            failure = next((rows[at].failures[name] for name in needed if name in rows[at].failures), None)
            if failure is not None:
                reasons[at] = failure
        good = tuple(at for at in mine if at not in reasons)
        values: list[np.ndarray] = []
        if good:
            if good not in batches:
                batches[good] = _batch([rows[at] for at in good])
            values, failed = _compute(job.score, batches[good])
            reasons |= {good[number]: reason for number, reason in failed.items()}
        shape, dtype = (values[0].shape, values[0].dtype) if values else ((), np.dtype(np.float64))
        table = np.zeros((len(mine), *shape), dtype)
        for at, value in zip(good, values, strict=True):
            table[mine.index(at)] = value
        if mine:
            job.add(ScoredRows([rows[at].id for at in mine], table, [reasons.get(at) for at in mine]))
        lacking |= reasons.keys()
    return len(lacking)


def _batch(rows: Sequence[ReadyRow]) -> Batch:
    shared = set.intersection(*(set(row.views) for row in rows))
    views = {name: [row.views[name] for row in rows] for name in sorted(shared)}
    return Batch([row.id for row in rows], [row.caption for row in rows], views)


def _compute(score: PairScore, batch: Batch) -> tuple[list[np.ndarray], dict[int, str]]:
    """The values of a batch, one a row, and the reasons of the rows that have none."""
    try:
        values = np.asarray(score.compute(batch))
        reasons: dict[int, str] = {}
    except ScoreFailures as failures:
        values, reasons = np.asarray(failures.values), failures.reasons
    except WriterUnavailable:
        raise
    except Exception as error:
        if len(batch) == 1:
            logger.debug("row %s has no score", batch.ids[0], exc_info=error)
            return [np.zeros(())], {0: reason_of(error)}
        logger.info("%d rows failed together and are tried in halves", len(batch))
        half = len(batch) // 2
        first, failed = _compute(score, batch.part(range(half)))
        second, others = _compute(score, batch.part(range(half, len(batch))))
        shape = next((one for at, one in enumerate(first + second) if one.ndim), first[0])
        rows = [one if one.shape == shape.shape else np.zeros_like(shape) for one in first + second]
        return rows, failed | {half + at: reason for at, reason in others.items()}
    if values.ndim == 1:
        values = values.astype(np.float64)
    if len(values) != len(batch):
        raise InputError(f"a score gave {len(values)} values for {len(batch)} rows")
    if values.dtype.kind == "f":
        for at in np.flatnonzero(~np.isfinite(values.reshape(len(batch), -1)).all(axis=1)):
            reasons.setdefault(int(at), _NO_NUMBER)
    return list(values), reasons


def _last_of_each(rows: ScoredRows, store: PairStore) -> ScoredRows:
    """One entry a row, the latest one, in order of the store."""
    latest = {name: at for at, name in enumerate(rows.ids)}
    names = [name for name in store.ids() if name in latest]
    order = [latest[name] for name in names]
    return ScoredRows(names, rows.values[order], [rows.reasons[at] for at in order])


def _summary(values: np.ndarray | None, reasons: Sequence[str | None], computed: int) -> ScoreSummary:
    told = [reason for reason in reasons if reason is not None]
    found = None
    if values is not None and np.isfinite(values).any():
        finite = values[np.isfinite(values)]
        found = (float(finite.mean()), float(finite.min()), float(finite.max()))
    return ScoreSummary(len(reasons) - len(told), len(told), computed, tuple(commonest_reasons(told)), found)
