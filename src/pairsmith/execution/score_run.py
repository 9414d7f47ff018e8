"""Giving the rows of a store their scores: in parts, in this process or in workers, resumable, as files beside it.

What is computed of a row, and how, is the business of a recipe that makes parts; all else is here. Rows that a sidecar
or a part of a stopped run already has are not computed again. A row without a score keeps the reason; a stopped run
keeps its finished parts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing

import numpy as np

from pairsmith.errors import InputError
from pairsmith.execution.budget import too_many
from pairsmith.execution.parts import PartTask, ScoredRows
from pairsmith.execution.recipe import Build
from pairsmith.execution.scheduler import open_pool, work_through
from pairsmith.execution.score_job import Score, ScoreJob, ScoreSummary
from pairsmith.execution.settings import ALONE, Execution
from pairsmith.execution.tally import Progress, Tally
from pairsmith.pairs import PairStore


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
    jobs = {name: ScoreJob(store, name, score, execution.retry_failed) for name, score in scores.items()}
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


def _tasks(jobs: Mapping[str, ScoreJob], wanted: np.ndarray, part_rows: int) -> list[PartTask]:
    """The wanted rows in parts of at most `part_rows`, cut by position, so that a resumed run cuts as the first did."""
    tasks = []
    for start in range(0, len(wanted), part_rows):
        positions = start + np.flatnonzero(wanted[start : start + part_rows])
        if len(positions):
            missing = {name: job.missing[positions] for name, job in jobs.items()}
            tasks.append(PartTask(start // part_rows, positions, missing))
    return tasks


def _make_parts(
    jobs: Mapping[str, ScoreJob], recipe: Build, tasks: Sequence[PartTask], tally: Tally, execution: Execution
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


def _failures_before(jobs: Mapping[str, ScoreJob], wanted: np.ndarray) -> Counter[str]:
    """The reasons of rows that failed in an earlier run and are not computed again, each row once."""
    lacking: dict[int, str] = {}
    for job in jobs.values():
        lacking |= job.failed_before()
    return Counter(reason for position, reason in lacking.items() if not wanted[position])
