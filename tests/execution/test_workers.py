from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from pairsmith.errors import PairsmithError
from pairsmith.execution.workers import map_in_workers


def square(number: int) -> int:
    return number * number


def build_square() -> object:
    return square


def die(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def build_die() -> object:
    return die


class PickyError(Exception):
    """Cannot be made again from its arguments, as pickling would."""

    def __init__(self, name: str, number: int) -> None:
        super().__init__(f"{name} {number}")


def fail(number: int) -> int:
    raise PickyError("number", number)


def build_fail() -> object:
    return fail


def wait_noting(folder: Path, number: int) -> int:
    (folder / str(os.getpid())).touch()
    time.sleep(120)
    return number


def build_wait(folder: Path) -> object:
    return partial(wait_noting, folder)


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


def test_every_task_is_done_once() -> None:
    assert sorted(map_in_workers(build_square, range(7), 2)) == [number * number for number in range(7)]
    assert list(map_in_workers(build_square, [], 2)) == []


def test_a_worker_that_is_killed_is_noticed() -> None:
    with pytest.raises(PairsmithError, match=r"a worker process died \(exit code -9\)"):
        list(map_in_workers(build_die, range(3), 1))


def test_an_error_that_cannot_be_pickled_is_told_in_words() -> None:
    with pytest.raises(PairsmithError, match="PickyError in a worker: number 3"):
        list(map_in_workers(build_fail, [3], 1))


def test_workers_end_when_the_results_are_no_longer_wanted(tmp_path: Path) -> None:
    def stop_early() -> None:
        with closing(map_in_workers(partial(build_wait, tmp_path), _tasks(tmp_path), 2)) as results:
            next(results)

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
        "from pairsmith.execution.workers import map_in_workers; from tests.execution.test_workers import build_wait\n"
        "if __name__ == '__main__': list(map_in_workers(partial(build_wait, Path(sys.argv[1])), [1], 1))"
    )
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=root) as parent:
        worker = wait_for_note(tmp_path)
        parent.kill()
    assert gone(worker)
