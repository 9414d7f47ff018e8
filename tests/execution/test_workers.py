"""Workers of both kinds: every task once, deaths noticed and made good, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pairsmith.errors import PairsmithError
from pairsmith.execution import Execution
from pairsmith.execution.recipe import LARGEST, Build, pack
from pairsmith.execution.scheduler import Step, open_pool, work_through
from pairsmith.execution.serving import Event
from pairsmith.execution.workers import LocalPool

Told = Callable[[Any], None]


def square(told: Told, number: int) -> int:
    told(("on", number))
    return number * number


def build_square(told: Told) -> Callable[[int], int]:
    return partial(square, told)


def die(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def build_die(told: Told) -> Callable[[int], int]:
    return die


def die_once(folder: Path, number: int) -> int:
    """Of task 2, the first worker that gets it dies."""
    note = folder / "died"
    if number == 2 and not note.exists():
        note.touch()
        die(number)
    return number


def build_die_once(folder: Path, told: Told) -> Callable[[int], int]:
    return partial(die_once, folder)


class PickyError(Exception):
    """Cannot be made again from its arguments, as pickling would."""

    def __init__(self, name: str, number: int) -> None:
        super().__init__(f"{name} {number}")


def fail(number: int) -> int:
    raise PickyError("number", number)


def build_fail(told: Told) -> Callable[[int], int]:
    return fail


def wait_noting(folder: Path, number: int) -> int:
    (folder / str(os.getpid())).touch()
    time.sleep(120)
    return number


def build_wait(folder: Path, told: Told) -> Callable[[int], int]:
    return partial(wait_noting, folder)


def build_large(weights: bytes, told: Told) -> Callable[[int], int]:
    return partial(square, told)


def steps(build: Build, tasks: Iterable[Any], workers: int) -> list[Step]:
    return list(work_through(open_pool(build, Execution(workers=workers), workers), tasks, workers))


def results(build: Build, tasks: Iterable[Any], workers: int) -> list[Any]:
    return [step.value for step in steps(build, tasks, workers) if step.kind == "done"]


def gone(pid: int) -> bool:
    for _ in range(300):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if (
            Path(f"/proc/{pid}/stat").exists()
            and Path(f"/proc/{pid}/stat").read_text().rsplit(")")[1].split()[0] == "Z"
        ):
            return True
        time.sleep(0.1)
    return False


def wait_for_note(folder: Path) -> int:
    for _ in range(600):
        notes = list(folder.iterdir())
        if notes:
            return int(notes[0].name)
        time.sleep(0.1)
    raise AssertionError("no worker began")


def test_every_task_is_done_once_and_no_more_are_drawn_than_workers_are_ready() -> None:
    drawn: list[int] = []
    open_tasks = 0

    def tasks() -> Iterable[int]:
        for number in range(9):
            drawn.append(number)
            yield number

    found = []
    for step in work_through(open_pool(build_square, Execution(workers=2), 2), tasks(), 2):
        open_tasks += (step.kind == "began") - (step.kind == "done")
        assert open_tasks <= 2
        assert len(drawn) <= len(found) + 3  # one for each worker, and one that is being given out
        if step.kind == "done":
            assert step.value == step.task**2
            found.append(step.value)
        if step.kind == "told":
            assert step.value == ("on", step.task)
    assert sorted(found) == [number * number for number in range(9)]
    assert results(build_square, [], 2) == []


def test_a_worker_that_dies_is_replaced_and_its_task_done_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = steps(partial(build_die_once, tmp_path), range(5), 2)
    assert sorted(step.value for step in made if step.kind == "done") == [0, 1, 2, 3, 4]
    assert [step.task for step in made if step.kind == "died"] == [2]
    assert "a worker process died (exit code -9) at 2" in caplog.text


def test_a_task_that_kills_every_worker_stops_the_run() -> None:
    with pytest.raises(PairsmithError, match=r"3 worker processes died at 0, one after the other \(exit code -9\)"):
        results(build_die, range(3), 1)


class Scripted:
    """A pool whose events are written down."""

    def __init__(self, events: list[tuple[int, str]]) -> None:
        self._events, self.started = iter(events), []

    def start(self, number: int) -> None:
        self.started.append(number)

    def send(self, number: int, task: object) -> None:
        pass

    def events(self) -> list[tuple[int, Event]]:
        number, kind = next(self._events)
        return [(number, Event(kind, "exit code -9"))]

    def close(self) -> None:
        pass


def test_workers_that_come_back_may_die_often_while_they_wait() -> None:
    again = [(1, "died"), (1, "ready")] * 5
    pool = Scripted([(0, "ready"), (1, "ready"), *again, (0, "done")])
    assert [step.kind for step in work_through(pool, ["task"], 2)].count("died") == 5
    assert pool.started == [0, 1, 1, 1, 1, 1, 1]
    others = [(0, "ready"), (1, "died"), (0, "done"), (1, "died"), (0, "done"), (1, "died")]
    with pytest.raises(PairsmithError, match="3 worker processes died before they had a task"):
        list(work_through(Scripted(others), ["one", "two", "three"], 2))  # whatever the others do


def test_what_is_told_before_the_first_task_is_passed_on() -> None:
    pool = Scripted([(0, "told"), (0, "ready"), (0, "done")])
    assert [(step.kind, step.task) for step in work_through(pool, ["task"], 1)][:2] == [("told", None), ("ready", None)]


def test_an_error_that_cannot_be_pickled_is_told_in_words() -> None:
    with pytest.raises(PairsmithError, match="PickyError in a worker: number 3"):
        results(build_fail, [3], 1)


def test_work_that_cannot_travel_is_refused_clearly() -> None:
    with pytest.raises(PairsmithError, match="cannot be sent to workers"):
        pack(lambda told: told)
    with pytest.raises(PairsmithError, match=r"would send 6\d MiB to every worker.*settings and paths"):
        pack(partial(build_large, bytes(LARGEST)))


def test_workers_end_when_the_results_are_no_longer_wanted(tmp_path: Path) -> None:
    def stop_early() -> None:
        pool = open_pool(partial(build_wait, tmp_path), Execution(workers=2), 2)
        with closing(work_through(pool, _tasks(tmp_path), 2)) as run:
            list(run)

    with pytest.raises(KeyboardInterrupt):
        stop_early()
    assert gone(wait_for_note(tmp_path))


def _tasks(folder: Path):  # type: ignore[no-untyped-def]
    yield 1
    wait_for_note(folder)
    raise KeyboardInterrupt


def test_workers_do_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from functools import partial\n"
        "from tests.execution.test_workers import build_wait, results\n"
        "if __name__ == '__main__': results(partial(build_wait, Path(sys.argv[1])), [1], 1)"
    )
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=root) as parent:
        worker = wait_for_note(tmp_path)
        parent.kill()
    assert gone(worker)


def build_talkative(told: Told) -> Callable[[int], bytes]:
    return bytes


def test_a_worker_killed_in_the_middle_of_its_answer_has_died() -> None:
    with closing(open_pool(build_talkative, Execution(workers=2), 1)) as pool:
        assert isinstance(pool, LocalPool)
        pool.start(0)
        assert [event.kind for _, event in pool.events()] == ["ready"]
        connection, process = pool._pool[0]
        pool.send(0, 50_000_000)  # far more than a pipe holds: it waits for a reader
        assert connection.poll(60)
        process.kill()
        process.join()
        assert [event.kind for _, event in pool.events()] == ["died"]
