"""Jobs in this process and in others: each done once, all shown, errors and deaths told."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from pairsmith.errors import InputError, PairsmithError
from pairsmith.recipes import side_by_side
from pairsmith.recipes.place import Place
from pairsmith.recipes.reporter import Silent
from pairsmith.recipes.side_by_side import check_at_once, do_all
from pairsmith.training.distributed import Ranks


def note(folder: Path, reporter) -> Callable[[str], None]:
    """Leaves a file for each job, with the process that did it, and shows three steps."""

    def work(job: str) -> None:
        with (folder / job).open("x") as file:  # not twice
            file.write(str(os.getpid()))
        shown = reporter.training(f"job {job}")
        shown.begin(0, 3)
        for step in (1, 2, 3):
            shown.advance(step)
        shown.record({"step": 3, "loss": 0.5})
        shown.end()

    return work


def die_once(folder: Path, reporter) -> Callable[[str], None]:
    def work(job: str) -> None:
        mark = folder / f"{job}-begun"
        if job == "b" and not mark.exists():
            mark.touch()
            os._exit(9)
        (folder / job).touch()

    return work


def fail(folder: Path, reporter) -> Callable[[str], None]:
    def work(job: str) -> None:
        if job == "b":
            raise InputError("b cannot be done")
        (folder / job).touch()

    return work


class Shown(Silent):
    """A reporter that keeps what it is told, by training."""

    def __init__(self) -> None:
        self.calls: dict[str, list] = {}

    def training(self, name: str):
        calls = self.calls.setdefault(name, [])

        class Meter:
            begin = staticmethod(lambda step, steps: calls.append(("begin", step, steps)))
            advance = staticmethod(lambda step: calls.append(("advance", step)))
            record = staticmethod(lambda line: calls.append(("record", line)))
            end = staticmethod(lambda: calls.append(("end",)))

        return Meter()


@pytest.mark.parametrize("at_once", [1, 3])
def test_every_job_is_done_once_and_shown(tmp_path, at_once):
    shown = Shown()
    jobs = ["a", "b", "c", "d"]
    do_all(partial(note, tmp_path), jobs, at_once, Place(), shown)
    assert sorted(file.name for file in tmp_path.iterdir()) == jobs
    here = [int((tmp_path / job).read_text()) == os.getpid() for job in jobs]
    assert all(here) if at_once == 1 else not any(here)
    steps = [("begin", 0, 3), ("advance", 1), ("advance", 2), ("advance", 3)]
    assert shown.calls == {f"job {job}": [*steps, ("record", {"step": 3, "loss": 0.5}), ("end",)] for job in jobs}


def test_the_last_job_has_its_share_of_the_cores_as_the_others_had(tmp_path, monkeypatch):
    shares = []
    pool = side_by_side.LocalPool
    monkeypatch.setattr(
        side_by_side, "LocalPool", lambda build, workers, cuda: shares.append(workers) or pool(build, workers, cuda)
    )
    do_all(partial(note, tmp_path), ["a"], 3, Place(), Silent())
    assert int((tmp_path / "a").read_text()) != os.getpid()
    assert shares == [3]


def test_nothing_to_do(tmp_path):
    do_all(partial(note, tmp_path), [], 4, Place(), Silent())
    assert not list(tmp_path.iterdir())


def test_a_job_whose_process_died_is_begun_anew(tmp_path):
    do_all(partial(die_once, tmp_path), ["a", "b"], 2, Place(), Silent())
    assert {file.name for file in tmp_path.iterdir()} == {"a", "b", "b-begun"}


@pytest.mark.parametrize("at_once", [1, 2])
def test_an_error_reaches_the_caller(tmp_path, at_once):
    with pytest.raises(InputError, match="b cannot be done"):
        do_all(partial(fail, tmp_path), ["a", "b"], at_once, Place(), Silent())


def test_what_cannot_travel_is_told(tmp_path):
    with pytest.raises(PairsmithError, match="cannot be sent to workers"):
        do_all(lambda reporter: print, ["a", "b"], 2, Place(), Silent())


def test_several_at_a_time_and_several_processes_for_each_are_refused():
    check_at_once(1, Place(ranks=Ranks(0, 2, 0)))
    with pytest.raises(InputError, match="leave one out"):
        check_at_once(2, Place(ranks=Ranks(0, 2, 0)))
