"""What a score is: the pictures it wants to see, and a number (or a vector) for every row of a batch.

A score is a small plug-in. It says which views of a picture it needs; views are computed in worker threads, each once a
row for all scores that share it. It then turns batches into values on its model's device. Everything else - reading,
decoding, resuming, failing rows, files - is done for it by `scoring.score_pairs`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from PIL import Image

from pairsmith.execution.row_values import ScoreFailures as ScoreFailures  # a score raises it
from pairsmith.execution.score_job import Concluded

View = Callable[[Image.Image], Any]


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows to be scored together.

    Attributes:
        ids, captions: of the rows, [B].
        views: name -> what that view made of each row's picture, [B].
        memo: where scores leave for each other what they computed of exactly these rows (features of a shared model).
    """

    ids: list[str]
    captions: list[str]
    views: Mapping[str, list[Any]]
    memo: dict[Any, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def part(self, rows: Sequence[int]) -> Batch:
        """Some of the rows."""
        return Batch(
            [self.ids[row] for row in rows],
            [self.captions[row] for row in rows],
            {name: [values[row] for row in rows] for name, values in self.views.items()},
        )


class PairScore(Protocol):
    """A score of single pairs."""

    def describe(self) -> dict[str, Any]:
        """Everything that decides the values, as JSON values. Cheap: loads no model."""

    def load(self) -> None:
        """Load what is needed; called once before the first row, and not at all when there is nothing to do.

        Raises:
            InputError: it cannot be loaded.
        """

    def views(self) -> Mapping[str, View]:
        """Name -> function of a decoded RGB picture, called in worker threads; empty for scores of captions alone.

        Scores that give two views one name must mean the same function.
        """

    def compute(self, batch: Batch) -> np.ndarray:
        """Values of the rows: [B] scores, or [B, D] vectors.

        Raises:
            ScoreFailures: some rows have none, each for a reason of its own.
            Exception: any other: the batch is tried again in halves, and a row that fails alone fails with it.
        """


@runtime_checkable
class SetScore(PairScore, Protocol):
    """A score that only exists among all rows: `compute` gives what is to be known of each."""

    def conclude(self, ids: Sequence[str], rows: np.ndarray) -> Concluded:
        """From what `compute` gave of all rows that did not fail, [N, ...] in order of the store, to the scores."""
