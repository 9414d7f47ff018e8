"""How a long command shows that it goes on: a live display on a terminal, timestamped lines elsewhere.

Both show stages (a name and a time) and, within a stage, meters (steps of a training run, rows of a store) with rate
and time left.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from pairsmith.cli.console import duration, note
from pairsmith.cli.meter import Meter

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from pairsmith.execution import WorkerLine

QUIET_SECONDS = 20.0  # a stage that takes longer says so this often where there is no terminal


class Display(Protocol):
    """What commands ask of a display; a recipe's `Reporter` among them."""

    def stage(self, name: str) -> Any:
        """A context in which a stage goes on."""

    def training(self, name: str) -> Meter:
        """A meter of training steps."""

    def rows(self, name: str) -> Meter:
        """A meter of rows."""

    def workers(self, name: str) -> Callable[[Sequence[WorkerLine]], None]:
        """Takes what the workers of a stage do, whenever that changes."""


class PlainDisplay:
    """Timestamped lines: one where a stage begins, one where it ends, and one every `quiet` seconds between.

    Args:
        quiet: seconds.
        write: takes a line.
    """

    def __init__(self, quiet: float = QUIET_SECONDS, write: Callable[[str], None] = note) -> None:
        self._quiet = quiet
        self._write = write
        self._stage: tuple[str, float] | None = None
        self._meters: dict[int, Meter] = {}  # by id() of those that go on
        self._workers: Sequence[WorkerLine] = ()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep_telling, daemon=True)

    def __enter__(self) -> PlainDisplay:
        self._thread.start()
        return self

    def __exit__(self, *unused: object) -> None:
        self._stop.set()
        self._thread.join()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Tell of the stage's beginning and end."""
        started = time.monotonic()
        self._stage = (name, started)
        self._line(f"{name}: begins")
        try:
            yield
        finally:
            self._stage = None
            self._meters.clear()
            self._workers = ()
        self._line(f"{name}: done in {duration(time.monotonic() - started)}")

    def training(self, name: str) -> Meter:
        """A meter of training steps."""
        return Meter(name, "step", self._take, self._drop)

    def rows(self, name: str) -> Meter:
        """A meter of rows."""
        return Meter(name, "row", self._take, self._drop)

    def workers(self, name: str) -> Callable[[Sequence[WorkerLine]], None]:
        """Takes what the workers do; they are told below the meter."""
        return self._take_workers

    def _take_workers(self, lines: Sequence[WorkerLine]) -> None:
        self._workers = lines

    def _take(self, meter: Meter) -> None:
        self._meters[id(meter)] = meter

    def _drop(self, meter: Meter) -> None:
        self._meters.pop(id(meter), None)

    def _keep_telling(self) -> None:
        while not self._stop.wait(self._quiet):
            meters, stage = list(self._meters.values()), self._stage
            for meter in meters:
                self._line(meter.sentence())
            if stage is not None and not meters:
                self._line(f"{stage[0]}: for {duration(time.monotonic() - stage[1])}")
            for line in self._workers:
                self._line("  " + ", ".join([f"worker {line.number}", *_worker_words(line)]))

    def _line(self, text: str) -> None:
        self._write(f"{time.strftime('%H:%M:%S')}  {text}")


class LiveDisplay:
    """A live display on a terminal: the stage, below it a bar with rate and time left, above it what is done.

    Args:
        console: where to show it; None is the standard error.
    """

    def __init__(self, console: Console | None = None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

        self._lines: Sequence[WorkerLine] = ()

        class WithWorkers(Progress):
            """The bars, and below them the workers."""

            def get_renderables(progress) -> Iterator[RenderableType]:
                yield from super().get_renderables()
                if self._lines:
                    yield worker_table(self._lines)

        self._progress = WithWorkers(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[details]}", markup=False),
            console=console or Console(stderr=True),
            transient=True,
        )
        self._tasks: dict[int, Any] = {}  # by id() of meters that are shown
        self._meters: dict[int, Meter] = {}

    def __enter__(self) -> LiveDisplay:
        self._progress.start()
        return self

    def __exit__(self, *unused: object) -> None:
        self._progress.stop()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Show the stage while it lasts, and a line with its time afterwards."""
        started = time.monotonic()
        task = self._progress.add_task(name, total=None, details="")
        try:
            yield
        finally:
            self._lines = ()
            self._progress.remove_task(task)
            for meter in list(self._meters.values()):
                self._drop(meter)
        self._progress.console.print(f"{name}: {duration(time.monotonic() - started)}", markup=False, highlight=False)

    def training(self, name: str) -> Meter:
        """A meter of training steps."""
        return Meter(name, "step", self._show, self._drop)

    def rows(self, name: str) -> Meter:
        """A meter of rows."""
        return Meter(name, "row", self._show, self._drop)

    def workers(self, name: str) -> Callable[[Sequence[WorkerLine]], None]:
        """Takes what the workers do, shown as a table below the bars."""
        return self._show_workers

    def _show_workers(self, lines: Sequence[WorkerLine]) -> None:
        self._lines = lines

    def _show(self, meter: Meter) -> None:
        key = id(meter)
        if key not in self._tasks:
            self._tasks[key] = self._progress.add_task(meter.name, total=meter.total, details="")
            self._meters[key] = meter
        details = meter.sentence().removeprefix(f"{meter.name}: ")
        self._progress.update(self._tasks[key], completed=meter.done, total=meter.total, details=details)

    def _drop(self, meter: Meter) -> None:
        if self._meters.pop(id(meter), None) is not None:
            self._progress.remove_task(self._tasks.pop(id(meter)))


def worker_table(lines: Sequence[WorkerLine]) -> RenderableType:
    """One line a worker: what it does, how fast, how many rows failed, and when its shard will be done."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2))
    for heading in ("worker", "shard", "rows", "rows/s", "failed", "left", ""):
        table.add_column(heading, justify="right" if heading else "left")
    for line in lines:
        working = line.shard is not None
        cells = [
            str(line.number),
            str(line.shard) if working else "-",
            f"{line.done:,} of {line.rows:,}" if working else "-",
            f"{line.rate:.3g}" if line.rate else "-",
            f"{line.failed:,}",
            duration(line.left) if line.left is not None else "-",
            ("" if working else line.state) + (f" (replaced {line.deaths} times)" if line.deaths else ""),
        ]
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _worker_words(line: WorkerLine) -> list[str]:
    words = [f"shard {line.shard}, row {line.done:,} of {line.rows:,}" if line.shard is not None else line.state]
    if line.rate:
        words.append(f"{line.rate:.3g} rows a second")
    if line.left:
        words.append(f"{duration(line.left)} left")
    if line.failed:
        words.append(f"{line.failed:,} failed")
    if line.deaths:
        words.append(f"replaced {line.deaths} times")
    return words


def open_display() -> PlainDisplay | LiveDisplay:
    """The display that fits the standard error, to be used as a context."""
    return LiveDisplay() if sys.stderr.isatty() else PlainDisplay()
