"""Giving the rows of a store their scores: in parts, in this process or in workers, resumable, as files beside it.

What is computed of a row, and how, is the business of a recipe that makes parts; all else is here. Rows that a sidecar
or a part of a stopped run already has are not computed again. A row without a score keeps the reason; a stopped run
keeps its finished parts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from pairsmith.errors import InputError
from pairsmith.execution.budget import too_many
from pairsmith.execution.parts import Parts, PartTask, ScoredRows, join_rows
from pairsmith.execution.recipe import Build
from pairsmith.execution.scheduler import open_pool, work_through
from pairsmith.execution.settings import ALONE, Execution
from pairsmith.execution.tally import Progress, Tally
from pairsmith.pairs import PairStore
from pairsmith.pairs.outcome import commonest_reasons
from pairsmith.pairs.scores import read_score_column, write_embeddings, write_scores
from pairsmith.pairs.sidecars import EMBEDDINGS_FOLDER, SCORES_FOLDER, check_settings, read_sidecar, sidecar_names


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


def run_scores(
    store: PairStore,
    scores: Mapping[str, Score],
    recipe: Callable[[Sequence[str]], Build],
    *,
    part_rows: int = 1000,
    execution: Execution = ALONE,
    progress: Progress | None = None,
) -> dict[str, ScoreSummary]:
    """Give every "ok" pair its scores, as sidecars `scores/<name>.parquet` or `embeddings/<name>.parquet`.

    Args:
        store: pairs; only their sidecars are written.
        scores: name of the sidecar -> score.
        recipe: names of scores that have something to do -> what makes, in each worker, of a `PartTask` the
            `ScoredRows` of each of them, and tells (rows, rows that lack a score) of every batch.
        part_rows: rows that a killed run or worker loses at most.
        execution: workers; failures, of which those found before count, too.
        progress: called with (rows done, all rows, rows that lack a score).

    Raises:
        NothingScored: no row got one of the scores; the sidecar with the reasons is there.
        InputError: a sidecar of that name has other settings, ranks are asked for, or as the recipe.
        TooManyFailures: more rows failed than `execution.max_failures` allows; finished parts are kept.
    """
    if execution.rank is not None:
        raise InputError("the scores of a store are one file, which one process writes: use workers, not ranks")
    jobs = {name: _Job(store, name, score, execution.retry_failed) for name, score in scores.items()}
    try:
        active = {name: job for name, job in jobs.items() if job.missing.any()}
        wanted = np.logical_or.reduce([np.zeros(len(store), bool), *(job.missing for job in active.values())])
        if active:
            tally = Tally(len(store), progress, execution.watch)
            tally.add(int(len(store) - wanted.sum()), _failures_before(active, wanted))
            _make_parts(active, recipe(list(active)), _tasks(active, wanted, part_rows), tally, execution)
        elif progress is not None:
            progress(len(store), len(store), 0)
        return {name: job.finish() for name, job in jobs.items()}
    finally:
        for job in jobs.values():
            job.parts.release()


def _tasks(jobs: Mapping[str, _Job], wanted: np.ndarray, part_rows: int) -> list[PartTask]:
    """The wanted rows in parts of at most `part_rows`, cut by position, so that a resumed run cuts as the first did."""
    tasks = []
    for start in range(0, len(wanted), part_rows):
        positions = start + np.flatnonzero(wanted[start : start + part_rows])
        if len(positions):
            missing = {name: job.missing[positions] for name, job in jobs.items()}
            tasks.append(PartTask(start // part_rows, positions, missing))
    return tasks


def _make_parts(
    jobs: Mapping[str, _Job], recipe: Build, tasks: Sequence[PartTask], tally: Tally, execution: Execution
) -> None:
    allowed = None if execution.max_failures is None else execution.max_failures.allowed(tally.total)

    def check() -> None:
        if allowed is not None and tally.failed > allowed:
            raise too_many(allowed, tally.total, tally.reasons)

    def keep(worker: int, task: PartTask, made: Mapping[str, ScoredRows]) -> None:
        lacking: dict[str, str] = {}
        for name, rows in made.items():
            jobs[name].keep(rows)
            lacking |= {row: reason for row, reason in zip(rows.ids, rows.reasons, strict=True) if reason is not None}
        tally.worker_done(worker, len(task.positions), Counter(lacking.values()))
        check()

    tally.tell()
    check()
    if execution.here:
        make_here = recipe(lambda numbers: tally.worker_told(0, *numbers))
        for task in tasks:
            keep(0, task, make_here(task))
        return
    workers = min(execution.workers, len(tasks))
    pool = open_pool(recipe, execution, workers)
    with closing(work_through(pool, tasks, workers, execution.attempts)) as steps:
        for step in steps:
            if step.kind == "done":
                keep(step.worker, step.task, step.value)
            else:
                size = len(step.task.positions) if step.task is not None else 0
                tally.follow(step.kind, step.worker, getattr(step.task, "index", None), size, step.value)


def _failures_before(jobs: Mapping[str, _Job], wanted: np.ndarray) -> Counter[str]:
    """The reasons of rows that failed in an earlier run and are not computed again, each row once."""
    lacking: dict[int, str] = {}
    for job in jobs.values():
        lacking |= job.failed_before()
    return Counter(reason for position, reason in lacking.items() if not wanted[position])


class _Job:
    """One score of a store on its way to a sidecar."""

    def __init__(self, store: PairStore, name: str, score: Score, retry_failed: bool) -> None:
        self.name, self.score, self._store = name, score, store
        self.settings = score.describe()
        for folder in (SCORES_FOLDER, EMBEDDINGS_FOLDER):
            check_settings(store, folder, name, self.settings)
        self.parts = Parts(store.folder / SCORES_FOLDER / f".{name}", self.settings)
        try:
            finished = [] if isinstance(score, Concluding) else self._finished()
            self._known = finished + list(self.parts.read())
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
        self._known.append(rows)
        self.computed += len(rows.ids)

    def failed_before(self) -> dict[int, str]:
        """Position -> reason of the rows that are known to have no value."""
        latest = {name: reason for rows in self._known for name, reason in zip(rows.ids, rows.reasons, strict=True)}
        failed = {name: reason for name, reason in latest.items() if reason is not None}
        return dict(zip(self._store.positions(failed).tolist(), failed.values(), strict=True))

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
        if values.ndim == 2 and not isinstance(self.score, Concluding):
            vectors = np.where(good[:, None], values, np.nan)
            write_embeddings(self._store, self.name, rows.ids, vectors, self.settings, reasons=rows.reasons)
            summary = _summary(None, rows.reasons, self.computed)
        else:
            twins: list[str | None] | None = None
            if isinstance(self.score, Concluding):
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
