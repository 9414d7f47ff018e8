"""The values of some rows, for all scores at once: in this process or in a worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from pairsmith.captions.writer import WriterUnavailable
from pairsmith.curation.reading import ReadyRow, ready_batches
from pairsmith.curation.score import Batch, PairScore, View
from pairsmith.execution.parts import PartTask, ScoredRows, join_rows, scored_rows
from pairsmith.execution.recipe import Told
from pairsmith.execution.row_values import compute_rows
from pairsmith.pairs import PairStore


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
        values: dict[int, np.ndarray] = {}
        if good:
            if good not in batches:
                batches[good] = _batch([rows[at] for at in good])
            computed, failed = compute_rows(score.compute, batches[good], stops=(WriterUnavailable,))
            values = dict(zip(good, computed, strict=True))
            reasons |= {good[number]: reason for number, reason in failed.items()}
        found[name] = scored_rows({at: rows[at].id for at in mine}, values, reasons)
    return found


def _batch(rows: Sequence[ReadyRow]) -> Batch:
    shared = set.intersection(*(set(row.views) for row in rows))
    views = {name: [row.views[name] for row in rows] for name in sorted(shared)}
    return Batch([row.id for row in rows], [row.caption for row in rows], views)
