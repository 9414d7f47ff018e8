"""What models say of captions, as scores that are made in parts: by this process or by workers, once for each caption.

A caption whose model call failed keeps the reason in place of a number, and can be tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pairsmith.captions.causal_model import CausalModel
from pairsmith.captions.filters.model_filters import perplexities, verdicts
from pairsmith.captions.filters.settings import VerdictRequest
from pairsmith.captions.writer import Writer, WriterUnavailable
from pairsmith.errors import InputError
from pairsmith.execution import Execution
from pairsmith.execution.parts import PartTask, ScoredRows, join_rows, scored_rows
from pairsmith.execution.recipe import Build, Told
from pairsmith.execution.row_values import compute_rows
from pairsmith.execution.score_run import run_scores
from pairsmith.execution.tally import Progress
from pairsmith.pairs import PairStore
from pairsmith.pairs.scores import SCORES_FOLDER, read_score_column, sidecar_names
from pairsmith.pairs.sidecars import check_settings

BATCH_ROWS = 256  # captions given to a model at a time
_STOPS = (WriterUnavailable, InputError)  # no caption's own fault


@dataclass(frozen=True, eq=False)
class CaptionBatch:
    """Captions with the ids of their rows, [B] each."""

    ids: list[str]
    captions: list[str]

    def __len__(self) -> int:
        return len(self.ids)

    def part(self, rows: Sequence[int]) -> CaptionBatch:
        """Some of the rows."""
        return CaptionBatch([self.ids[row] for row in rows], [self.captions[row] for row in rows])


class CaptionScore(Protocol):
    """A number that a model gives a caption; sent to workers before `load`."""

    def describe(self) -> dict[str, Any]:
        """Everything that decides the values, as JSON values. Cheap: loads no model."""

    def load(self) -> None:
        """Open the model; called once in each process that computes.

        Raises:
            InputError: it cannot be loaded.
        """

    def compute(self, batch: CaptionBatch) -> np.ndarray:
        """float64 [B].

        Raises:
            ScoreFailures: some captions have none, each for a reason of its own.
            InputError, WriterUnavailable: there is none for any caption.
        """


@dataclass(frozen=True)
class Perplexity:
    """As `perplexities`; infinity for a caption without tokens."""

    model: CausalModel

    def describe(self) -> dict[str, Any]:
        """The model."""
        return self.model.identity()

    def load(self) -> None:
        """The model."""
        self.model.loaded()

    def compute(self, batch: CaptionBatch) -> np.ndarray:
        """float64 [B]."""
        return perplexities(self.model, batch.captions)


@dataclass(frozen=True)
class Verdict:
    """As `verdicts`: 1 for yes, 0 for no, NaN without a reason where the model said neither."""

    writer: Writer
    request: VerdictRequest

    def describe(self) -> dict[str, Any]:
        """Who is asked what."""
        return {"writer": self.writer.describe(), "prompt": self.request.prompt}

    def load(self) -> None:
        """Nothing to load: the writer does that itself, once."""

    def compute(self, batch: CaptionBatch) -> np.ndarray:
        """float64 [B]."""
        return verdicts(self.writer, batch.captions, batch.ids, self.request)


@dataclass(frozen=True, eq=False)
class CaptionPartMaker:
    """How parts are made; sent to workers.

    Attributes:
        store: the captions.
        scores: by name, those that have something to do.
    """

    store: PairStore
    scores: Mapping[str, CaptionScore]

    def build(self, told: Told) -> Callable[[PartTask], dict[str, ScoredRows]]:
        """Open the models; the function that makes a part tells (rows, rows that lack a score) of every batch."""
        for score in self.scores.values():
            score.load()
        return partial(self._make, told)

    def _make(self, told: Told, task: PartTask) -> dict[str, ScoredRows]:
        made: dict[str, list[ScoredRows]] = {name: [] for name in self.scores}
        for start in range(0, len(task.positions), BATCH_ROWS):
            positions = task.positions[start : start + BATCH_ROWS]
            table = self.store.take(positions.tolist(), ["id", "caption"])
            rows = CaptionBatch(
                table.column("id").to_pylist(), [text or "" for text in table.column("caption").to_pylist()]
            )
            lacking: set[str] = set()
            for name, score in self.scores.items():
                missing = np.flatnonzero(task.missing[name][start : start + BATCH_ROWS]).tolist()
                if missing:
                    found = score_captions(score, rows.part(missing))
                    made[name].append(found)
                    lacking |= {row for row, reason in zip(found.ids, found.reasons, strict=True) if reason}
            told((len(rows), len(lacking)))
        return {name: join_rows(found) for name, found in made.items() if found}


def score_captions(score: CaptionScore, batch: CaptionBatch) -> ScoredRows:
    """The score of some captions; the model must be loaded.

    Raises:
        InputError, WriterUnavailable: as `CaptionScore.compute`.
    """
    values, reasons = compute_rows(score.compute, batch, stops=_STOPS, finite=False)
    return scored_rows(dict(enumerate(batch.ids)), dict(enumerate(values)), reasons)


def known_values(
    store: PairStore, name: str, score: CaptionScore, batch: CaptionBatch
) -> tuple[NDArray[np.float64], dict[int, str]]:
    """A score of a store's first captions, float64 [B], and the reasons of those that have none.

    What is kept beside the store is taken; where there is nothing, it is computed here, and not kept.

    Raises:
        InputError: what is kept was made with other settings; also as `CaptionScore.compute`.
        WriterUnavailable: as `CaptionScore.compute`.
    """
    if name in sidecar_names(store):
        check_settings(store, SCORES_FOLDER, name, score.describe())
        column = read_score_column(store, name)
        values, reasons = column.values[: len(batch)], column.reasons[: len(batch)]
    elif len(batch):
        score.load()
        made = score_captions(score, batch)
        values, reasons = made.values, made.reasons
    else:
        return np.zeros(0), {}
    return values, {at: reason for at, reason in enumerate(reasons) if reason is not None}


def keep_caption_scores(
    store: PairStore,
    scores: Mapping[str, CaptionScore],
    *,
    part_rows: int,
    execution: Execution,
    progress: Progress | None,
) -> None:
    """Give all captions of a store the scores that they lack, as sidecars beside it.

    Raises:
        NothingScored, InputError, TooManyFailures: as `run_scores`.
        WriterUnavailable: who is asked has gone; finished parts are kept.
    """

    def recipe(names: Sequence[str]) -> Build:
        return partial(_build, CaptionPartMaker(store, {name: scores[name] for name in names}))

    run_scores(store, scores, recipe, part_rows=part_rows, execution=execution, progress=progress)


def _build(maker: CaptionPartMaker, told: Told) -> Callable[[PartTask], dict[str, ScoredRows]]:
    """`CaptionPartMaker.build`, as a function of a module."""
    return maker.build(told)
