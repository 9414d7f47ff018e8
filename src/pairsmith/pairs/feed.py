"""What training sees, as a pure function of the step: a seeded order of samples, global batches, and mixtures of two.

A sample's number counts all samples since the start of training, over all epochs and all ranks. Everything follows
from it, so a run that stops anywhere goes on at the very sample, on any number of ranks and loader workers; the only
state is the number of samples seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from pairsmith.errors import InputError
from pairsmith.pairs.scores import read_selection
from pairsmith.pairs.store import PairStore
from pairsmith.seeds import row_seed

Batch = TypeVar("Batch")
BatchOut = TypeVar("BatchOut", covariant=True)
RealBatch = TypeVar("RealBatch")
SyntheticBatch = TypeVar("SyntheticBatch")

_ROUNDS = 8
# Shifts and multipliers of the finaliser of SplitMix64.
_MIX = ((np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)), (np.uint64(27), np.uint64(0x94D049BB133111EB)))


class Source(Protocol[BatchOut]):
    """Rows that can be made into batches."""

    def __len__(self) -> int:
        """Number of rows."""
        ...

    def collate(self, indices: Sequence[int], epochs: Sequence[int]) -> BatchOut:
        """The batch of the rows at `indices`; `epochs` says for each row how often it was seen before."""
        ...


class SampleOrder:
    """A fresh seeded permutation of `n` rows every epoch, computed one sample at a time.

    The permutation is a Feistel network over the least power of two that holds n; results outside 0..n-1 are put
    through it again until they fall inside, which keeps it a permutation. So nothing is stored, whatever n is.

    Args:
        n: number of rows, at least 1.
        seed: of the run.
    """

    def __init__(self, n: int, seed: int) -> None:
        if n < 1:
            raise InputError("there are no rows to train on")
        self.n = n
        self.seed = seed
        # At least four bits: the halves of a smaller network could not reach every permutation.
        bits = max(4, (n - 1).bit_length())
        self._bits = (bits // 2, bits - bits // 2)

    def index(self, sample_number: int) -> int:
        """The row of the sample `sample_number` (0, 1, 2 ...)."""
        return int(self.indices(np.asarray([sample_number]))[0])

    def epochs(self, sample_numbers: np.ndarray) -> np.ndarray:
        """How many times all rows were seen before each sample, int64 [B] -> int64 [B]."""
        return np.asarray(sample_numbers, np.int64) // self.n

    def indices(self, sample_numbers: np.ndarray) -> np.ndarray:
        """The rows of many samples, int64 [B] -> int64 [B]."""
        numbers = np.asarray(sample_numbers, np.int64)
        rows = np.empty_like(numbers)
        epochs = self.epochs(numbers)
        for epoch in np.unique(epochs):
            members = epochs == epoch
            rows[members] = self._permute((numbers[members] % self.n).astype(np.uint64), int(epoch))
        return rows

    def _permute(self, values: np.ndarray, epoch: int) -> np.ndarray:
        keys = _round_keys(self.seed, epoch)
        values = self._network(values, keys)
        outside = values >= self.n
        while outside.any():
            values[outside] = self._network(values[outside], keys)
            outside = values >= self.n
        return values.astype(np.int64)

    def _network(self, values: np.ndarray, keys: np.ndarray) -> np.ndarray:
        low_bits, high_bits = self._bits
        low, high = values & _mask(low_bits), values >> np.uint64(low_bits)
        for key in keys:  # an even number of rounds gives both halves their first width back
            low, high = high, low ^ (_mix(high ^ key) & _mask(low_bits))
            low_bits, high_bits = high_bits, low_bits
        return low | (high << np.uint64(low_bits))


@lru_cache(maxsize=16)
def _round_keys(seed: int, epoch: int) -> np.ndarray:
    return np.array([row_seed(seed, f"{epoch}:{number}", "sample order") for number in range(_ROUNDS)], np.uint64)


def _mask(bits: int) -> np.uint64:
    return np.uint64((1 << bits) - 1)


def _mix(values: np.ndarray) -> np.ndarray:
    for shift, multiplier in _MIX:
        values = (values ^ (values >> shift)) * multiplier
    return values ^ (values >> np.uint64(31))


class Feed(Generic[Batch]):
    """Batches of a source for one rank.

    Step s takes the samples s * B ... s * B + B - 1 of the order, B being the global batch size; each rank takes an
    equal run of them, so the ranks' batches laid end to end are the batch of a single rank. Batches run over the ends
    of epochs, and so all have the same size.

    Args:
        source: the rows.
        batch_size: rows of a global batch.
        seed: of the order.
        rank, world: this process among all that train; `batch_size` must be a multiple of `world`.

    Raises:
        InputError: an empty source, a batch size that ranks cannot share equally, a rank outside 0..world-1.
    """

    def __init__(self, source: Source[Batch], batch_size: int, seed: int, rank: int = 0, world: int = 1) -> None:
        if batch_size < 1 or world < 1 or batch_size % world:
            raise InputError(f"a batch of {batch_size} rows cannot be shared equally by {world} ranks")
        if not 0 <= rank < world:
            raise InputError(f"rank {rank} is not one of {world} ranks")
        self.source = source
        self.batch_size = batch_size
        self.order = SampleOrder(len(source), seed)
        self.rank = rank
        self.world = world

    def samples_seen(self, step: int) -> int:
        """Samples that all ranks together took before `step`."""
        return step * self.batch_size

    def step_at(self, samples_seen: int) -> int:
        """The step to go on with after `samples_seen` samples.

        Raises:
            InputError: the count is not at the end of a batch of this size.
        """
        step, rest = divmod(samples_seen, self.batch_size)
        if rest:
            raise InputError(f"{samples_seen} samples do not end a batch of {self.batch_size}: keep the batch size")
        return step

    def sample_numbers(self, step: int, rank: int | None = None) -> np.ndarray:
        """The samples of a rank (this one when None) at a step, int64 [B / world]."""
        share = self.batch_size // self.world
        first = self.samples_seen(step) + share * (self.rank if rank is None else rank)
        return np.arange(first, first + share, dtype=np.int64)

    def batch_indices(self, step: int, rank: int | None = None) -> list[int]:
        """The rows of a rank (this one when None) at a step."""
        return self.order.indices(self.sample_numbers(step, rank)).tolist()

    def batch(self, step: int) -> Batch:
        """This rank's batch of a step."""
        return self.collate(self.sample_numbers(step))

    def collate(self, sample_numbers: np.ndarray) -> Batch:
        """The batch of any samples, int64 [B]."""
        epochs = self.order.epochs(sample_numbers).tolist()
        return self.source.collate(self.order.indices(sample_numbers).tolist(), epochs)


class MixedFeed(Generic[RealBatch, SyntheticBatch]):
    """Batches of which a fixed fraction is synthetic.

    Of the samples 0 ... t - 1 of the mixture, floor(fraction * t + 1/2) are synthetic, spread evenly. So a global batch
    of B holds fraction * B synthetic rows exactly where that is whole, else one of the two whole numbers around it with
    the right average; and every rank has the same number of rows in all.

    Args:
        real, synthetic: feeds of equal batch size (that of the mixture), rank and world; their own order is kept.
        fraction: synthetic part, 0..1, taken as the decimal number that it prints as.

    Raises:
        InputError: a fraction outside 0..1, or feeds that differ in batch size, rank or world.
    """

    def __init__(self, real: Feed[RealBatch], synthetic: Feed[SyntheticBatch], fraction: float) -> None:
        if not 0 <= fraction <= 1:
            raise InputError(f"synthetic_fraction must lie in 0..1, not {fraction}")
        for name in ("batch_size", "rank", "world"):
            if getattr(real, name) != getattr(synthetic, name):
                raise InputError(f"the feeds differ in {name}: {getattr(real, name)} and {getattr(synthetic, name)}")
        self.real = real
        self.synthetic = synthetic
        self.fraction = Fraction(str(fraction)).limit_denominator(1_000_000)
        self.batch_size, self.rank, self.world = real.batch_size, real.rank, real.world

    def samples_seen(self, step: int) -> int:
        """Samples of both kinds that all ranks together took before `step`."""
        return self.real.samples_seen(step)

    def step_at(self, samples_seen: int) -> int:
        """The step to go on with after `samples_seen` samples, as `Feed.step_at`."""
        return self.real.step_at(samples_seen)

    def sample_numbers(self, step: int, rank: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The samples of a rank at a step, numbered within the real and within the synthetic feed, int64 [R], [S]."""
        numbers = self.real.sample_numbers(step, rank)
        before = self._synthetic_before(numbers)
        synthetic = self._synthetic_before(numbers + 1) > before
        return (numbers - before)[~synthetic], before[synthetic]

    def batch_indices(self, step: int, rank: int | None = None) -> tuple[list[int], list[int]]:
        """The real and the synthetic rows of a rank (this one when None) at a step."""
        real, synthetic = self.sample_numbers(step, rank)
        return self.real.order.indices(real).tolist(), self.synthetic.order.indices(synthetic).tolist()

    def batch(self, step: int) -> tuple[RealBatch | None, SyntheticBatch | None]:
        """This rank's batch of a step, (real, synthetic); None where a kind has no row in it."""
        real, synthetic = self.sample_numbers(step)
        return (
            self.real.collate(real) if len(real) else None,
            self.synthetic.collate(synthetic) if len(synthetic) else None,
        )

    def _synthetic_before(self, numbers: np.ndarray) -> np.ndarray:
        # 64 bits hold the product up to 4e12 samples at the largest denominator.
        part, whole = self.fraction.numerator, self.fraction.denominator
        return (2 * part * numbers + whole) // (2 * whole)


class PairSource:
    """The "ok" rows of a store, or some of them, as batches of plain columns.

    Text and numbers come from memory, `tokens` from one array in memory, only images are read from disk.

    Args:
        store: an open store.
        columns: what a batch holds.
        positions: the rows to use, int64 [n], such as `Selection.positions(store)`; None uses all.
    """

    def __init__(self, store: PairStore, columns: Sequence[str], positions: np.ndarray | None = None) -> None:
        unknown = [name for name in columns if name not in store.schema.names]
        if unknown:
            raise InputError(f"a pair has no column {unknown[0]!r}; it has {', '.join(store.schema.names)}")
        self.store = store
        self.columns = tuple(columns)
        self.positions = None if positions is None else np.asarray(positions, np.int64)

    @classmethod
    def of_selection(cls, store: PairStore, columns: Sequence[str], name: str) -> PairSource:
        """The rows of the store's selection `name`, in order of rank.

        Raises:
            InputError: there is no such selection.
        """
        return cls(store, columns, read_selection(store, name).positions(store))

    def __len__(self) -> int:
        return len(self.store) if self.positions is None else len(self.positions)

    def collate(self, indices: Sequence[int], epochs: Sequence[int]) -> dict[str, Any]:
        """Column -> values: `tokens` uint16 [B, N], `image` list of bytes (or None), anything else a list."""
        rows = np.asarray(indices, np.int64)
        if self.positions is not None:
            rows = self.positions[rows]
        return {name: self._values(name, rows) for name in self.columns}

    def _values(self, name: str, rows: np.ndarray) -> Any:
        if name == "tokens":
            return self.store.column_matrix(name)[rows]  # [B, N]
        if name == "image":
            images = self.store.take(rows, ["image"]).column("image").to_pylist()
            return [image and image["bytes"] for image in images]
        column = self.store.column(name)
        return [column[int(row)].as_py() for row in rows]
