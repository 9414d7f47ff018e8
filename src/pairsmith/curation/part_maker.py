"""The values of some rows, for all scores at once: in this process or in a worker."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from pairsmith.captions.writer import WriterUnavailable
from pairsmith.curation.parts import ScoredRows, join_rows
from pairsmith.curation.reading import ReadyRow, ready_batches, reason_of
from pairsmith.curation.score import Batch, PairScore, ScoreFailures, View
from pairsmith.errors import InputError
from pairsmith.execution.recipe import Told
from pairsmith.pairs import PairStore

logger = logging.getLogger(__name__)

_NO_NUMBER = "the score is not a finite number"


@dataclass(frozen=True, eq=False)
class PartTask:
    """Some rows of a store.

    Attributes:
        index: of the part, from 0.
        positions: of the rows, int64 [n].
        missing: score -> which of the rows it lacks, bool [n].
    """

    index: int
    positions: np.ndarray
    missing: Mapping[str, np.ndarray]

    def __str__(self) -> str:
        return f"part {self.index}"


@dataclass(frozen=True, eq=False)
class PartMaker:
    """How parts are made; sent to workers, so the scores must not have loaded their models by then.

    Attributes:
        store: the pairs.
        scores: by name, those that have something to do.
        batch_rows: rows computed at a time.
        threads: that decode pictures.
    """

    store: PairStore
    scores: Mapping[str, PairScore]
    batch_rows: int
    threads: int

    def build(self, told: Told) -> Callable[[PartTask], dict[str, ScoredRows]]:
        """Load the models; the function that makes a part tells (rows, rows that lack a score) of every batch."""
        views: dict[str, View] = {}
        for score in self.scores.values():
            score.load()
            views.update(score.views())
        return partial(self._make, views, told)

    def _make(self, views: Mapping[str, View], told: Told, task: PartTask) -> dict[str, ScoredRows]:
        made: dict[str, list[ScoredRows]] = {name: [] for name in self.scores}
        positions = task.positions.tolist()
        batches = ready_batches(self.store, positions, views, batch_rows=self.batch_rows, workers=self.threads)
        at = 0
        for rows in batches:
            missing = {name: task.missing[name][at : at + len(rows)] for name in self.scores}
            found = _score_batch(self.scores, rows, missing)
            lacking = {
                name for one in found.values() for name, reason in zip(one.ids, one.reasons, strict=True) if reason
            }
            for name, one in found.items():
                made[name].append(one)
            at += len(rows)
            told((len(rows), len(lacking)))
        return {name: join_rows(found) for name, found in made.items() if found}


def build(maker: PartMaker, told: Told) -> Callable[[PartTask], dict[str, ScoredRows]]:
    """`PartMaker.build`, as a function of a module."""
    return maker.build(told)


def _score_batch(
    scores: Mapping[str, PairScore], rows: Sequence[ReadyRow], missing: Mapping[str, np.ndarray]
) -> dict[str, ScoredRows]:
    """All scores of a batch, each of the rows that lack it."""
    batches: dict[tuple[int, ...], Batch] = {}  # scores of the same rows share what they compute
    found: dict[str, ScoredRows] = {}
    for name, score in scores.items():
        mine = np.flatnonzero(missing[name]).tolist()
        if not mine:
            continue
        needed = score.views()
        reasons: dict[int, str] = {}
        for at in mine:
            failure = next((rows[at].failures[view] for view in needed if view in rows[at].failures), None)
            if failure is not None:
                reasons[at] = failure
        good = tuple(at for at in mine if at not in reasons)
        values: list[np.ndarray] = []
        if good:
            if good not in batches:
                batches[good] = _batch([rows[at] for at in good])
            values, failed = _compute(score, batches[good])
            reasons |= {good[number]: reason for number, reason in failed.items()}
        shape, dtype = (values[0].shape, values[0].dtype) if values else ((), np.dtype(np.float64))
        table = np.zeros((len(mine), *shape), dtype)
        for at, value in zip(good, values, strict=True):
            table[mine.index(at)] = value
        found[name] = ScoredRows([rows[at].id for at in mine], table, [reasons.get(at) for at in mine])
    return found


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
