"""An order of rows in which a batch holds rows of one kind and of like length, as LLaVA's `group_by_modality_length`.

Rows with and without a picture, long and short ones, waste work on each other: the longest decides the padding, and
the ranks wait for the slowest. So every global batch is all pictures or all text, drawn at random within its kind, and
inside it rows of like length share a micro-batch, and the ranks' micro-batches of the same moment are alike.
"""

from __future__ import annotations

import itertools
from functools import lru_cache

import numpy as np

from pairsmith.pairs.feed import SampleOrder
from pairsmith.seeds import numpy_generator


class GroupedOrder(SampleOrder):
    """A permutation of the rows every epoch, a pure function of (seed, epoch), grouped as above.

    What is left of either kind when no further batch of it can be filled is mixed, at the end of the epoch. An epoch
    that begins inside of a batch fills that one first.

    Args:
        lengths: of the rows, in any unit, int64 [n].
        pictured: which rows have a picture, bool [n].
        batch_size: rows of a global batch.
        seed: of the run.
        world: ranks, each of which takes an equal run of a batch.
        micro_batches: of each rank.
    """

    def __init__(
        self,
        lengths: np.ndarray,
        pictured: np.ndarray,
        batch_size: int,
        seed: int,
        world: int = 1,
        micro_batches: int = 1,
    ) -> None:
        super().__init__(len(lengths), seed)
        self._lengths, self._pictured = np.asarray(lengths), np.asarray(pictured, bool)
        self._batch_size = batch_size
        self._places = _places(batch_size, world, micro_batches)
        self._epoch = lru_cache(maxsize=2)(self._make_epoch)

    def indices(self, sample_numbers: np.ndarray) -> np.ndarray:
        numbers = np.asarray(sample_numbers, np.int64)
        rows = np.empty_like(numbers)
        epochs = self.epochs(numbers)
        for epoch in np.unique(epochs):
            members = epochs == epoch
            rows[members] = self._epoch(int(epoch))[numbers[members] % self.n]
        return rows

    def _make_epoch(self, epoch: int) -> np.ndarray:
        """The rows of an epoch in order, int64 [n]."""
        plain = super().indices(np.arange(epoch * self.n, (epoch + 1) * self.n, dtype=np.int64))
        size = self._batch_size
        head = min(-epoch * self.n % size, self.n)  # of a batch that the epoch before has begun
        batches: list[np.ndarray] = []
        left: list[np.ndarray] = []
        for kind in (True, False):
            rows = plain[head:][self._pictured[plain[head:]] == kind]
            whole = len(rows) // size * size
            batches += list(rows[:whole].reshape(-1, size))
            left.append(rows[whole:])
        draw = numpy_generator(self.seed, f"epoch {epoch}", "order of batches")
        mixed = np.concatenate(left)
        batches += list(mixed[: len(mixed) // size * size].reshape(-1, size))
        order = [self._arrange(batches[at]) for at in draw.permutation(len(batches))]
        return np.concatenate([plain[:head], *order, mixed[len(mixed) // size * size :]])

    def _arrange(self, rows: np.ndarray) -> np.ndarray:
        """A batch's rows, longest first, dealt to the places of ranks and micro-batches."""
        longest_first = rows[np.argsort(-self._lengths[rows], kind="stable")]
        arranged = np.empty_like(rows)
        arranged[self._places] = longest_first
        return arranged


def _places(batch_size: int, world: int, micro_batches: int) -> np.ndarray:
    """Where the rows of a batch go when they come longest first: by micro-batch, then by rank, int64 [B]."""
    share = batch_size // world
    cuts = [at * share // micro_batches for at in range(micro_batches + 1)]
    return np.concatenate(
        [
            np.arange(rank * share + start, rank * share + stop)
            for start, stop in itertools.pairwise(cuts)
            for rank in range(world)
        ]
    )
