"""Batches prepared ahead in a thread.

A batch is a pure function of its step, so reading ahead changes nothing but the waiting time.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any


class Prefetcher:
    """Calls `make(step)` for the steps from `start` to `stop` (not included) in a thread, `depth` batches ahead.

    Use it in a `with` block; leaving the block ends the thread. What `make` raises is raised by `next_batch`.

    Attributes:
        waited: seconds that `next_batch` has waited so far.
    """

    def __init__(self, make: Callable[[int], Any], start: int, stop: int, depth: int = 2) -> None:
        self.waited = 0.0
        self._queue: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue(maxsize=depth)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(make, start, stop), name="prefetch", daemon=True)

    def __enter__(self) -> Prefetcher:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        while not self._queue.empty():  # a thread that waits for room wakes up, sees the mark and ends
            self._queue.get_nowait()
        self._thread.join(timeout=5.0)

    def next_batch(self) -> Any:
        """The batch of the next step."""
        begin = time.perf_counter()
        batch, error = self._queue.get()
        self.waited += time.perf_counter() - begin
        if error is not None:
            raise error
        return batch

    def _work(self, make: Callable[[int], Any], start: int, stop: int) -> None:
        for step in range(start, stop):
            try:
                item: tuple[Any, BaseException | None] = (make(step), None)
            except BaseException as error:  # handed to the training thread, whatever it is
                item = (None, error)
            while not self._closed.is_set():
                try:
                    self._queue.put(item, timeout=0.2)
                    break
                except queue.Full:
                    continue
            if self._closed.is_set() or item[1] is not None:
                return
