"""What every worker does, whatever it runs on: open the recipe once, serve tasks, and tell of errors and warnings."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from multiprocessing.reduction import ForkingPickler
from typing import Any, Literal, NamedTuple

from pairsmith.errors import PairsmithError
from pairsmith.execution.recipe import Told, unpack

Kind = Literal["ready", "told", "done", "raised", "died"]


class Event(NamedTuple):
    """Something that a worker tells, or that is told of it.

    Attributes:
        kind: "ready" for tasks; "told" something on the way; "done" with a task; "raised" an error; "died".
        value: what was told, the task's result, the error, or how it died.
        records: (logger, level, message) of warnings since the last event.
    """

    kind: Kind
    value: Any = None
    records: tuple[tuple[str, int, str], ...] = ()


class Server:
    """The inside of a worker.

    Args:
        packed: of `recipe.pack`.
        told: hears what the work tells on the way.
        threads: for each of the libraries that compute; None leaves it to them.
    """

    def __init__(self, packed: bytes, told: Told, threads: int | None = None) -> None:
        if threads is not None:
            _limit_threads(threads)
        self._packed, self._told = packed, told
        self._records: list[tuple[str, int, str]] = []
        self._function: Callable[[Any], Any] | None = None
        logger = logging.getLogger("pairsmith")
        logger.addHandler(_Keep(self._records))
        logger.propagate = False

    def open(self) -> Event:
        """Carry out the recipe."""
        return self._guarded("ready", self._open)

    def serve(self, task: Any) -> Event:
        """Do a task."""
        assert self._function is not None
        function = self._function
        return self._guarded("done", lambda: function(task))

    def _open(self) -> None:
        self._function = unpack(self._packed)(self._told)

    def _guarded(self, kind: Kind, act: Callable[[], Any]) -> Event:
        try:
            value = act()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:  # what stops a stage may be no Exception, so that no row catches it
            return Event("raised", _sendable(error), self._take_records())
        return Event(kind, value, self._take_records())

    def _take_records(self) -> tuple[tuple[str, int, str], ...]:
        records = tuple(self._records)
        self._records.clear()
        return records


class _Keep(logging.Handler):
    def __init__(self, records: list[tuple[str, int, str]]) -> None:
        super().__init__(logging.WARNING)
        self._kept = records

    def emit(self, record: logging.LogRecord) -> None:
        self._kept.append((record.name, record.levelno, record.getMessage()))


def _limit_threads(threads: int) -> None:
    """Before the libraries are imported; torch, if it is here already, is told itself."""
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


def _sendable(error: BaseException) -> BaseException:
    """The error if it survives the way, else one that says the same."""
    try:
        copy = ForkingPickler.loads(ForkingPickler.dumps(error))
    except Exception:
        copy = None
    return error if type(copy) is type(error) else PairsmithError(f"{type(error).__name__} in a worker: {error}")
