"""A stage: items in, a finished pair store out, however often it is stopped on the way and by whomever it is made.

Item i becomes row i % shard_rows of shard i // shard_rows and nothing else decides where it goes, so one worker or
many, one rank or many, whole or resumed, make the same bytes. A shard is the unit of work and of resuming.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from pairsmith.errors import InputError
from pairsmith.execution.budget import ShardGivenUp, too_many
from pairsmith.execution.rank import Rank
from pairsmith.execution.scheduler import Step, open_pool, work_through
from pairsmith.execution.settings import ALONE, Execution
from pairsmith.execution.shard_maker import MadeShard, MakeRows, RowFactory, ShardMaker, ShardTask
from pairsmith.execution.tally import Progress, Tally
from pairsmith.pairs.joint_writer import JointWriter
from pairsmith.pairs.manifest import ShardEntry, shard_index
from pairsmith.pairs.outcome import check_outcome
from pairsmith.pairs.remote import RemotePath, as_folder
from pairsmith.pairs.schema import Pair
from pairsmith.pairs.shards import ShardFile
from pairsmith.pairs.store import PairStore
from pairsmith.pairs.writer import PairWriter, StoreWriter
from pairsmith.settings import Settings

logger = logging.getLogger(__name__)


def run_stage(
    out: Path | str,
    items: Sequence[Any] | int,
    make_rows: MakeRows | RowFactory,
    *,
    settings: Mapping[str, Any] | Settings,
    inputs: Mapping[str, str],
    shard_rows: int = 1000,
    batch_rows: int = 32,
    kind: str = "pairs",
    num_tokens: int | None = None,
    tokenizer: str | None = None,
    execution: Execution = ALONE,
    describe: Callable[[Any], Pair] | None = None,
    progress: Progress | None = None,
    drafts: bool = False,
) -> PairStore:
    """Make one row of every item; only shards that are missing are made.

    A batch for which `make_rows` raises is tried again item by item, and an item that fails alone becomes a row of
    status "failed" with the first line of the error as its reason. Ctrl-C and kills keep the finished shards; a worker
    that dies costs its shard's time, for another makes the shard again.

    Args:
        out: folder of the store, or its address on object storage, which ranks and Ray's workers cannot share.
        items: what rows are made of, or how many there are (then an item is its number). Same settings and inputs must
            mean the same items.
        make_rows: items of a batch -> one pair each, in order; must not depend on how items fall into batches.
        settings, inputs, kind, num_tokens, tokenizer: for the manifest, see `StoreWriter`.
        shard_rows: items a shard; fixed once the store is begun.
        batch_rows: items a call; changes nothing in what is made.
        execution: workers, rank, failures; changes nothing in what is made. Several workers are sent `make_rows` (or
            its factory), `describe` and items.
        describe: item -> the pair to mark as failed, so that it bears the id it would have had. By default an item that
            is a pair is marked itself, and any other gets its caption from a text, its id from its number.
        progress: called with (items done, all items, failed rows) at the start and after every batch; of a rank's own
            items, where there are ranks.
        drafts: another stage makes the rows that count of these, so a store without any "ok" row is no error yet.

    Returns:
        The store; unfinished (`manifest.complete` is false) where other ranks have not made their shards.

    Raises:
        InputError: as `StoreWriter`; sizes below 1.
        NothingMade: the store is finished, but none of its rows is "ok"; also when it was finished before.
        TooManyFailures: more rows failed than `execution.max_failures` allows; finished shards are kept.
        PairsmithError: `make_rows` gave another number of rows than it got items, work that cannot be sent to workers,
            or workers that die again and again.
    """
    for name, value in (("shard_rows", shard_rows), ("batch_rows", batch_rows)):
        if value < 1:
            raise InputError(f"{name} must be at least 1, not {value}")
    out = as_folder(out)
    if isinstance(out, RemotePath) and execution.executor == "ray":
        raise InputError(f"{out}: Ray's workers hand shards over on a disk that they share: give --out a folder there")
    all_items: Sequence[Any] = range(items) if isinstance(items, int) else items
    about: dict[str, Any] = {
        "settings": settings,
        "inputs": inputs,
        "kind": kind,
        "num_tokens": num_tokens,
        "tokenizer": tokenizer,
        "layout": {"items": len(all_items), "shard_rows": shard_rows},
    }
    shards = -(-len(all_items) // shard_rows)
    with _open_writer(out, shards, execution.rank, about) as writer:
        if not writer.complete or execution.retry_failed:
            run = _Run(writer, all_items, shard_rows, execution, progress)
            if run.todo:
                staged = not execution.here or execution.rank is not None or execution.retry_failed
                work = writer.work_folder if staged else None
                maker = ShardMaker(writer.folder, work, make_rows, batch_rows, num_tokens, describe)
                run.make(maker)
            writer.seal()
    store = PairStore(out, partial=execution.rank is not None)
    return store if drafts or not store.manifest.complete else check_outcome(store)


def _open_writer(out: Path, shards: int, rank: Rank | None, about: dict[str, Any]) -> StoreWriter:
    return PairWriter(out, **about) if rank is None else JointWriter(out, shards=shards, **about)


class _Run:
    """The shards that this process is to make, and how far it is.

    Attributes:
        todo: shards to make, in order, each with its entry where only its failed rows are made again.
    """

    def __init__(
        self,
        writer: StoreWriter,
        items: Sequence[Any],
        shard_rows: int,
        execution: Execution,
        progress: Progress | None,
    ) -> None:
        self._writer, self._items, self._shard_rows, self._execution = writer, items, shard_rows, execution
        shards = -(-len(items) // shard_rows)
        missing = writer.missing(shards)
        rank = execution.rank or Rank(0, 1)
        self.todo: list[tuple[int, ShardEntry | None]] = [(index, None) for index in missing if rank.owns(index)]
        own = sum(len(self._cut(index)) for index in range(shards) if rank.owns(index))
        self._tally = Tally(own, progress, execution.watch)
        self._allowed = None if execution.max_failures is None else execution.max_failures.allowed(own)
        for entry in writer.manifest.shards:
            index = shard_index(entry.name)
            assert index is not None
            if not rank.owns(index):
                continue
            reasons = _failures(ShardFile(writer.folder, entry))
            if reasons and execution.retry_failed:
                self.todo.append((index, entry))
                self._tally.add(entry.rows - reasons.total())
            else:
                self._tally.add(entry.rows, reasons)
        self.todo.sort(key=lambda one: one[0])
        self._tally.tell()
        self._check_budget()

    def make(self, maker: ShardMaker) -> None:
        """Make all that is to do."""
        execution = self._execution
        try:
            if execution.here:
                make_here = maker.build(self._told_here)
                for task in self._tasks():
                    self._settle(0, task, make_here(task))
                return
            workers = min(execution.workers, len(self.todo))
            pool = open_pool(partial(_build, maker), execution, workers)
            with closing(work_through(pool, self._tasks(), workers, execution.attempts)) as steps:
                for step in steps:
                    self._follow(step)
        except ShardGivenUp as given_up:
            reasons = self._tally.reasons + Counter(given_up.reasons)
            raise too_many(self._allowed or 0, self._tally.total, reasons) from None

    def _tasks(self) -> Iterator[ShardTask]:
        """Drawn one by one, each claimed when it is drawn."""
        for index, again in self.todo:
            if self._writer.claim(index, again=again is not None):
                yield ShardTask(index, index * self._shard_rows, self._cut(index), again, self._left())
            else:
                logger.info("shard %d was made, or is being made, by another process", index)

    def _cut(self, index: int) -> Sequence[Any]:
        return self._items[index * self._shard_rows : (index + 1) * self._shard_rows]

    def _left(self) -> int | None:
        return None if self._allowed is None else max(0, self._allowed - self._tally.failed)

    def _follow(self, step: Step) -> None:
        if step.kind == "done":
            self._settle(step.worker, step.task, step.value)
        else:
            index, rows = (step.task.index, len(step.task.items)) if step.task is not None else (None, 0)
            self._tally.follow(step.kind, step.worker, index, rows, step.value)

    def _told_here(self, numbers: tuple[int, int]) -> None:
        self._tally.worker_told(0, *numbers)

    def _settle(self, worker: int, task: ShardTask, made: MadeShard) -> None:
        """Put a shard that was made into the store."""
        if made.staged is None:
            assert isinstance(self._writer, PairWriter)  # shards of several writers are staged
            self._writer.add(made.entry)
        else:
            self._writer.publish(made.entry, made.staged, replace=task.again is not None)
        self._tally.worker_done(worker, made.rows, made.reasons)
        self._check_budget()

    def _check_budget(self) -> None:
        """
        Raises:
            TooManyFailures: the budget is spent.
        """
        tally = self._tally
        if self._allowed is not None and tally.failed > self._allowed:
            raise too_many(self._allowed, tally.total, tally.reasons)


def _build(maker: ShardMaker, told: Callable[[Any], None]) -> Callable[[ShardTask], MadeShard]:
    """`ShardMaker.build`, as a function of a module."""
    return maker.build(told)


def _failures(shard: ShardFile) -> Counter[str]:
    """The reasons of a shard's failed rows, with their numbers."""
    table = shard.read(["status", "reason"])
    pairs = zip(table.column("status").to_pylist(), table.column("reason").to_pylist(), strict=True)
    return Counter(reason for status, reason in pairs if status == "failed")
