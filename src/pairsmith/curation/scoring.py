"""Scoring the pairs of a store: any scores in one pass over the pictures, resumable, without touching a pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from pairsmith.cores import usable_cores
from pairsmith.curation.part_maker import PartMaker, build
from pairsmith.curation.score import PairScore
from pairsmith.execution import ALONE, Execution
from pairsmith.execution.recipe import Build
from pairsmith.execution.score_job import NothingScored, ScoreSummary
from pairsmith.execution.score_run import run_scores
from pairsmith.execution.tally import Progress
from pairsmith.pairs import PairStore

__all__ = ["NothingScored", "ScoreSummary", "score_pairs"]


def score_pairs(
    store: PairStore,
    scores: Mapping[str, PairScore],
    *,
    batch_rows: int = 64,
    part_rows: int = 1000,
    threads: int | None = None,
    execution: Execution = ALONE,
    progress: Progress | None = None,
) -> dict[str, ScoreSummary]:
    """Give every "ok" pair its scores, as sidecars `scores/<name>.parquet` or `embeddings/<name>.parquet`.

    Args:
        store: pairs; only their sidecars are written.
        scores: name of the sidecar -> score. All are computed in one pass, each picture decoded once. Several workers
            are sent them as they are before `load`.
        batch_rows: rows computed at a time; speed and memory, not the values but for rounding.
        part_rows: rows that a killed run or worker loses at most.
        threads: that decode, in each worker; None: one a core, shared by all workers.
        execution: workers, each with models of its own; failures, of which those found before count, too.
        progress: called with (rows done, all rows, rows that lack a score).

    Raises:
        NothingScored: no row got one of the scores; the sidecar with the reasons is there.
        InputError: a sidecar of that name has other settings, a model cannot be loaded, or ranks are asked for.
        TooManyFailures: more rows failed than `execution.max_failures` allows; finished parts are kept.
        WriterUnavailable: a judge's server has gone; finished parts are kept.
    """
    decoding = threads or max(1, usable_cores() // execution.workers)

    def recipe(names: Sequence[str]) -> Build:
        return partial(build, PartMaker(store, {name: scores[name] for name in names}, batch_rows, decoding))

    return run_scores(store, scores, recipe, part_rows=part_rows, execution=execution, progress=progress)
