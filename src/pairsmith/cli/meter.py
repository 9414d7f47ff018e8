"""Counting towards an end, with rate and time left: what displays show of a training run or a stage of rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from pairsmith.cli.console import duration


class Meter:
    """Counts one thing towards its end; serves as `Progress` of a training run and as the callback of a row stage."""

    def __init__(self, name: str, unit: str, changed: Callable[[Meter], None], closed: Callable[[Meter], None]) -> None:
        self.name = name
        self.unit = unit
        self.done = 0
        self.total: int | None = None
        self.note = ""
        self._changed, self._closed = changed, closed
        self._first = 0
        self._started = time.monotonic()
        self._begun = False

    def begin(self, step: int, steps: int) -> None:
        """`step` of `steps` were done before."""
        self.done, self.total, self._first, self._begun = step, steps, step, True
        self._started = time.monotonic()
        self._changed(self)

    def advance(self, step: int) -> None:
        """`step` are done."""
        self.done = step
        self._changed(self)

    def record(self, line: Mapping[str, Any]) -> None:
        """Keep the loss or the score of a log's line for the next sight of the meter."""
        for name, label in (("loss", "loss"), ("cider", "CIDEr")):
            if isinstance(line.get(name), float):
                self.note = f"{label} {line[name]:.4g}"
        self._changed(self)

    def end(self) -> None:
        """Nothing more will come."""
        self._closed(self)

    def __call__(self, done: int, total: int | None, failed: int = 0) -> None:
        """Rows done, rows in all where known, and how many failed."""
        if not self._begun:
            self.begin(done, total or 0)
        self.total = total
        self.note = f"{failed} failed" if failed else ""
        self.advance(done)
        if done == total:
            self.end()

    def rate(self) -> float | None:
        """Units a second since this process began; None before there are any."""
        seconds = time.monotonic() - self._started
        return (self.done - self._first) / seconds if self.done > self._first and seconds > 0 else None

    def remaining(self) -> float | None:
        """Seconds left at this rate."""
        rate = self.rate()
        return (self.total - self.done) / rate if rate and self.total else None

    def sentence(self) -> str:
        """ "VLM baseline-0: step 120 of 400, 2.1 a second, 2 min 13 s left, loss 1.94"."""
        of = f" of {self.total:,}" if self.total else ""
        parts = [f"{self.name}: {self.unit} {self.done:,}{of}"]
        rate, left = self.rate(), self.remaining()
        if rate:
            parts.append(f"{rate:.3g} a second")
        if left:
            parts.append(f"{duration(left)} left")
        return ", ".join([*parts, self.note] if self.note else parts)
