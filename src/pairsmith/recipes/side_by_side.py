"""Trainings that need nothing of each other: one after the other here, or several at a time in processes of their own.

A small model leaves cores idle, and so does a large one all GPUs but its own: one training a core, or a GPU, does more
in the same time than all of them for one training after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from pairsmith.errors import InputError
from pairsmith.execution.recipe import Told
from pairsmith.execution.scheduler import work_through
from pairsmith.execution.workers import LocalPool
from pairsmith.recipes.place import Place
from pairsmith.recipes.reporter import Reporter
from pairsmith.training.logging import Progress

Job = TypeVar("Job")
Begin = Callable[[Reporter], Callable[[Job], None]]
"""What shows the work -> the function that does a job; called once in each process, and sent there: a function of a
module, with `functools.partial` if need be."""


def check_at_once(at_once: int, place: Place) -> None:
    """
    Raises:
        InputError: several trainings at a time are asked for where several processes share each.
    """
    if at_once > 1 and place.ranks.world > 1:
        raise InputError(
            f"{at_once} trainings at a time and {place.ranks.world} processes of torchrun for each do not go together: "
            "leave one out"
        )


def do_all(begin: Begin[Job], jobs: Sequence[Job], at_once: int, place: Place, reporter: Reporter) -> None:
    """Do every job once.

    Args:
        begin: opens the work.
        jobs: with a telling `str`; a job whose process died is begun anew, and goes on where its training was.
        at_once: how many at a time. 1: in this process. More: each in a process with 1 / at_once of the cores, however
            few are left to do, for sums come out otherwise with other threads; where the place is a GPU, the visible
            ones are dealt out in turn.
        place: where this process computes.
        reporter: shows all of them.

    Raises:
        PairsmithError: processes died of one job three times.
        Exception: what a job raised; the others are ended.
    """
    if at_once <= 1 or not jobs:
        work = begin(reporter)
        for job in jobs:
            work(job)
        return
    meters: dict[tuple[int, str], Progress | None] = {}  # (worker, name)
    pool = LocalPool(_Opened(begin), at_once, cuda=place.device.type == "cuda")
    with closing(work_through(pool, jobs, min(at_once, len(jobs)))) as steps:
        for step in steps:
            if step.kind == "told":
                _show(step.value, step.worker, meters, reporter)
            elif step.kind in ("done", "died"):
                for key in [key for key in meters if key[0] == step.worker]:
                    meter = meters.pop(key)
                    if meter is not None:
                        meter.end()


class _Said(NamedTuple):
    """A call of a `Progress`, on its way to the process that shows it."""

    name: str
    call: str
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True)
class _Opened:
    """The recipe that a worker carries out."""

    begin: Begin[Any]

    def __call__(self, told: Told) -> Callable[[Any], Any]:
        return self.begin(_Telling(told))


class _Telling:
    """The reporter of a worker: tells of trainings, and leaves stages and rows to the process that shows them."""

    def __init__(self, told: Told) -> None:
        self._told = told

    def stage(self, name: str) -> AbstractContextManager[None]:
        return nullcontext()

    def training(self, name: str) -> Progress:
        return _TellingProgress(name, self._told)

    def rows(self, name: str) -> None:
        return None


class _TellingProgress:
    def __init__(self, name: str, told: Told) -> None:
        self._name, self._told = name, told

    def begin(self, step: int, steps: int) -> None:
        self._told(_Said(self._name, "begin", (step, steps)))

    def advance(self, step: int) -> None:
        self._told(_Said(self._name, "advance", (step,)))

    def record(self, line: Mapping[str, Any]) -> None:
        self._told(_Said(self._name, "record", (dict(line),)))

    def end(self) -> None:
        self._told(_Said(self._name, "end"))


def _show(said: _Said, worker: int, meters: dict[tuple[int, str], Progress | None], reporter: Reporter) -> None:
    key = (worker, said.name)
    if key not in meters:
        meters[key] = reporter.training(said.name)
    meter = meters[key] if said.call != "end" else meters.pop(key)
    if meter is not None:
        getattr(meter, said.call)(*said.arguments)
