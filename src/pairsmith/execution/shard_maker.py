"""How one shard is made of its items, in this process or in a worker: batches, failing rows, and the file."""

from __future__ import annotations

import logging
import os
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from pairsmith.errors import PairsmithError
from pairsmith.execution.budget import ShardGivenUp
from pairsmith.execution.recipe import Told
from pairsmith.pairs.manifest import ShardEntry
from pairsmith.pairs.schema import Pair, imported_id, table_to_pairs
from pairsmith.pairs.shards import ShardFile
from pairsmith.pairs.writer import make_shard

logger = logging.getLogger(__name__)

MakeRows = Callable[[Sequence[Any]], list[Pair]]


@dataclass(frozen=True)
class RowFactory:
    """Builds `make_rows` only once there is work, and once in every worker: for stages that load a model.

    For several workers `build` is sent to them, so it must be a module-level function, or `functools.partial` of one
    with settings and paths. It opens what cannot be sent.
    """

    build: Callable[[], MakeRows]


@dataclass(frozen=True)
class ShardTask:
    """The items of one shard.

    Attributes:
        index: of the shard.
        first: number of its first item among all items.
        items: of its rows, in order.
        again: the shard as it is, of which only the failed rows are to be made again; None: make it whole.
        allowed: rows of it that may fail before it is given up; None: all.
    """

    index: int
    first: int
    items: Sequence[Any]
    again: ShardEntry | None = None
    allowed: int | None = None

    def __str__(self) -> str:
        return f"shard {self.index}"


@dataclass(frozen=True)
class MadeShard:
    """A shard that is written, but not yet named in the manifest.

    Attributes:
        entry: for the manifest.
        staged: folder of its file, where that is not the store yet.
        rows: made now.
        reasons: of those of them that failed, with their numbers.
    """

    entry: ShardEntry
    staged: Path | None
    rows: int
    reasons: dict[str, int]


@dataclass(frozen=True)
class ShardMaker:
    """How shards are made; sent to workers, so all of it is small and picklable there.

    Attributes:
        store: the store's folder.
        work: below which each worker stages its shards in a folder of its own; None: they go straight into the store.
        make_rows: items of a batch -> one pair each, or what builds that.
        batch_rows, num_tokens, describe: as for `run_stage`.
    """

    store: Path
    work: Path | None
    make_rows: MakeRows | RowFactory
    batch_rows: int
    num_tokens: int | None
    describe: Callable[[Any], Pair] | None

    def build(self, told: Told) -> Callable[[ShardTask], MadeShard]:
        """The function that makes a shard; `told` hears (rows, failed rows) of every batch."""
        pa.array([""])  # Arrow imports pandas, where it is there, for its first array: not in the first shard's time
        make_rows = self.make_rows.build() if isinstance(self.make_rows, RowFactory) else self.make_rows
        staged = None
        if self.work is not None:  # a name that no other worker has, on this machine or another, now or later
            staged = self.work / f"made-{socket.gethostname()}-{os.getpid()}-{os.urandom(4).hex()}"
        return partial(self._make, make_rows, staged, told)

    def _make(self, make_rows: MakeRows, staged: Path | None, told: Told, task: ShardTask) -> MadeShard:
        rows: list[Any] = [None] * len(task.items)
        places = list(range(len(task.items)))
        if task.again is not None:
            rows = table_to_pairs(ShardFile(self.store, task.again).read())
            places = [at for at, row in enumerate(rows) if row.status == "failed"]
        reasons: Counter[str] = Counter()
        for start in range(0, len(places), self.batch_rows):
            some = places[start : start + self.batch_rows]
            batch = self._make_batch(make_rows, [task.items[at] for at in some], [task.first + at for at in some])
            for at, row in zip(some, batch, strict=True):
                rows[at] = row
            failures = [row.reason for row in batch if row.status == "failed"]
            reasons.update(failures)
            told((len(batch), len(failures)))
            if task.allowed is not None and reasons.total() > task.allowed:
                raise ShardGivenUp(reasons)
        if reasons:
            first = next(row.reason for row in rows if row.status == "failed")
            logger.warning("%s: %d of %d rows failed, the first: %s", task, reasons.total(), len(rows), first)
        if staged is not None:
            staged.mkdir(parents=True, exist_ok=True)
        entry = make_shard(staged or self.store, task.index, rows, self.num_tokens, staged=staged is not None)
        return MadeShard(entry, staged, len(places), dict(reasons))

    def _make_batch(self, make_rows: MakeRows, items: Sequence[Any], numbers: Sequence[int]) -> list[Pair]:
        try:
            rows = make_rows(items)
        except Exception as error:
            if len(items) == 1:
                return [self._failed_row(items[0], numbers[0], error)]
            logger.info("items %d to %d failed together and are tried one by one", numbers[0], numbers[-1])
            return [
                row
                for at in range(len(items))
                for row in self._make_batch(make_rows, items[at : at + 1], numbers[at : at + 1])
            ]
        if len(rows) != len(items):
            raise PairsmithError(f"{len(rows)} rows were made of {len(items)} items; every item needs one row")
        return list(rows)

    def _failed_row(self, item: Any, number: int, error: Exception) -> Pair:
        logger.debug("item %d failed", number, exc_info=error)
        message = (str(error).strip() or type(error).__name__).splitlines()[0]
        reason = message if isinstance(error, PairsmithError) else f"{type(error).__name__}: {message}"
        if self.describe is not None:
            pair = self.describe(item)
        elif isinstance(item, Pair):
            pair = item
        else:
            pair = Pair(id=imported_id("failed item", str(number)), caption=item if isinstance(item, str) else "")
        return replace(pair, status="failed", reason=reason, image=None, image_path=None, tokens=None)
