"""Rows done and failed, and what each worker does: kept while a stage runs, for whoever watches."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from pairsmith.execution.settings import Watch, WorkerLine

Progress = Callable[[int, int, int], None]
"""Called with (rows done, all rows, failed rows)."""


class Tally:
    """Of one run.

    Args:
        total: rows that it is about, those included that are there already.
        progress, watch: who is told; None: nobody.
    """

    def __init__(self, total: int, progress: Progress | None, watch: Watch | None = None) -> None:
        self.total, self.done = total, 0
        self.reasons: Counter[str] = Counter()
        self._progress, self._watch = progress, watch
        self._lines: dict[int, WorkerLine] = {}
        self._ready: dict[int, float] = {}  # when each worker began to serve
        self._made: Counter[int] = Counter()  # rows, by worker
        self._open: dict[int, tuple[int, int]] = {}  # rows and failed rows of shards under way

    @property
    def failed(self) -> int:
        """Failed rows of finished shards."""
        return self.reasons.total()

    def add(self, rows: int, reasons: Mapping[str, int] | None = None) -> None:
        """Rows of finished shards; those that failed, by reason."""
        self.done += rows
        self.reasons.update(reasons or {})

    def tell(self) -> None:
        """Tell the numbers, with those of shards under way."""
        if self._progress is not None:
            rows = sum(rows for rows, _ in self._open.values())
            failed = sum(failed for _, failed in self._open.values())
            self._progress(self.done + rows, self.total, self.failed + failed)

    def follow(self, kind: str, worker: int, shard: int | None, rows: int, value: Any) -> None:
        """A step of `work_through` other than "done"; `rows` of a shard that "began"."""
        if kind == "ready":
            self.worker_ready(worker)
        elif kind == "began" and shard is not None:
            self.worker_began(worker, shard, rows)
        elif kind == "told":
            self.worker_told(worker, *value)
        elif kind == "died":
            self.worker_died(worker)

    def worker_ready(self, worker: int) -> None:
        """A worker has opened what it needs."""
        self._ready[worker] = time.monotonic()
        self._show(worker, state="waiting")

    def worker_began(self, worker: int, shard: int, rows: int) -> None:
        """A worker has got a shard."""
        self._open[worker] = (0, 0)
        self._show(worker, state="working", shard=shard, done=0, rows=rows)

    def worker_told(self, worker: int, rows: int, failed: int) -> None:
        """A worker has made some more rows of its shard."""
        before = self._open.get(worker, (0, 0))
        self._open[worker] = (before[0] + rows, before[1] + failed)
        self._made[worker] += rows
        line = self._line(worker)
        self._show(worker, done=line.done + rows, failed=line.failed + failed)
        self.tell()

    def worker_done(self, worker: int, rows: int, reasons: Mapping[str, int]) -> None:
        """A worker has finished its shard."""
        told, told_failed = self._open.pop(worker, (0, 0))
        failed = sum(reasons.values())
        self._made[worker] += rows - told
        line = self._line(worker)
        self._show(worker, state="waiting", shard=None, done=0, rows=0, failed=line.failed + failed - told_failed)
        self.add(rows, reasons)
        if (rows, failed) != (told, told_failed):
            self.tell()

    def worker_died(self, worker: int) -> None:
        """What it had made of its shard is gone."""
        told, told_failed = self._open.pop(worker, (0, 0))
        self._made[worker] -= told
        line = self._line(worker)
        self._show(
            worker,
            state="starting",
            shard=None,
            done=0,
            rows=0,
            failed=line.failed - told_failed,
            deaths=line.deaths + 1,
        )
        self.tell()

    def _line(self, worker: int) -> WorkerLine:
        return self._lines.get(worker, WorkerLine(worker))

    def _show(self, worker: int, **changes: object) -> None:
        line = replace(self._line(worker), **changes)  # type: ignore[arg-type]
        seconds = time.monotonic() - self._ready.get(worker, time.monotonic())
        rate = self._made[worker] / seconds if self._made[worker] and seconds > 0 else None
        left = (line.rows - line.done) / rate if rate and line.shard is not None else None
        self._lines[worker] = replace(line, rate=rate, left=left)
        if self._watch is not None:
            self._watch([self._lines[number] for number in sorted(self._lines)])
