"""Workers that pull: who is ready gets the next task, and a task whose worker died goes to another.

No worker ever has more than one task, and a task is drawn only for a worker that is ready, so no more than the shards
under way are held anywhere.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Generator, Iterable
from typing import Any, NamedTuple, Protocol

from pairsmith.errors import PairsmithError
from pairsmith.execution.ray_workers import RayPool
from pairsmith.execution.recipe import Build
from pairsmith.execution.serving import Event
from pairsmith.execution.settings import Execution
from pairsmith.execution.workers import LocalPool

logger = logging.getLogger(__name__)

_NO_TASK = (-1, None)  # in place of a task with its number


class Pool(Protocol):
    """Workers of some kind, by number."""

    def start(self, number: int) -> None:
        """Begin a worker (again)."""

    def send(self, number: int, task: Any) -> None:
        """Give a worker that is ready a task."""

    def events(self) -> list[tuple[int, Event]]:
        """What happened next; waits for it. A worker that "died" is no longer there."""

    def close(self) -> None:
        """End all workers."""


class Step(NamedTuple):
    """Something that happened on the way through the tasks.

    Attributes:
        worker: its number.
        kind: "ready", "began" a task, "told" something, "done" with it, or "died".
        task: that it has or had; None where it has none.
        value: what was told, or the result.
    """

    worker: int
    kind: str
    task: Any = None
    value: Any = None


def open_pool(build: Build, execution: Execution, workers: int) -> Pool:
    """The pool of an executor."""
    if execution.executor == "ray":
        return RayPool(build, workers, execution.cuda)
    return LocalPool(build, workers, execution.cuda)


def work_through(pool: Pool, tasks: Iterable[Any], workers: int, attempts: int = 3) -> Generator[Step, None, None]:
    """Do all tasks; every task comes out "done" once, in the order in which they are finished.

    Args:
        pool: with no worker yet; closed at the end.
        tasks: drawn when a worker is ready.
        workers: how many to begin.
        attempts: how many workers may die of one task.

    Raises:
        PairsmithError: a task has killed `attempts` workers, or workers die before they are ready.
        Exception: whatever a worker raised.
    """
    try:
        yield from _Run(pool, tasks, attempts).steps(workers)
    finally:
        pool.close()


class _Run:
    def __init__(self, pool: Pool, tasks: Iterable[Any], attempts: int) -> None:
        self._pool, self._queue, self._attempts = pool, enumerate(tasks), attempts
        self._again: deque[tuple[int, Any]] = deque()  # (number, task) whose worker died
        self._under_way: dict[int, tuple[int, Any]] = {}  # worker -> (number, task)
        self._idle: set[int] = set()
        self._deaths: Counter[int] = Counter()  # by number of the task
        self._lost: Counter[int] = Counter()  # by worker: how often it died without a task since it was last ready
        self._drawn_all = False

    def steps(self, workers: int) -> Generator[Step, None, None]:
        for worker in range(workers):
            self._pool.start(worker)
        while not self._drawn_all or self._under_way or self._again:
            for worker, event in self._pool.events():
                for name, level, message in event.records:
                    logging.getLogger(name).log(level, "%s", message)
                if event.kind == "raised":
                    raise event.value
                if event.kind == "told":
                    yield Step(worker, "told", self._under_way.get(worker, _NO_TASK)[1], event.value)
                    continue
                number, task = self._under_way.pop(worker, _NO_TASK)
                if event.kind == "died":
                    self._bury(worker, number, task, event.value)
                    self._idle.discard(worker)
                    yield Step(worker, "died", task)
                    self._pool.start(worker)
                    while self._again and self._idle:
                        yield from self._give(min(self._idle))
                else:
                    self._lost.pop(worker, None)
                    yield Step(worker, event.kind, task, event.value)
                    yield from self._give(worker)

    def _give(self, worker: int) -> Generator[Step, None, None]:
        drawn = self._again.popleft() if self._again else next(self._queue, None)
        if drawn is None:
            self._drawn_all = True
            self._idle.add(worker)
            return
        self._idle.discard(worker)
        self._under_way[worker] = drawn
        self._pool.send(worker, drawn[1])
        yield Step(worker, "began", drawn[1])

    def _bury(self, worker: int, number: int, task: Any, how: str) -> None:
        deaths, key = (self._lost, worker) if task is None else (self._deaths, number)
        deaths[key] += 1
        if deaths[key] >= self._attempts:
            what = "before they had a task" if task is None else f"at {task}, one after the other"
            raise PairsmithError(
                f"{self._attempts} worker processes died {what} ({how}): finished work is kept; exit code -9 may "
                "mean that the machine ran out of memory, of which fewer workers or smaller batches need less"
            )
        if task is None:
            logger.warning("worker %d died without a task (%s) and is replaced", worker, how)
        else:
            logger.warning("a worker process died (%s) at %s, which is begun anew", how, task)
            self._again.append((number, task))
