"""A few hundred wrong inputs for the readers in each run of the tests; `python -m tests.fuzz.run` feeds more."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pairsmith.errors import InputError
from tests.fuzz.mutations import Random
from tests.fuzz.run import Findings, feed_one, files_outside, prepare
from tests.fuzz.targets import TARGETS

INPUTS = 25  # of every target


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, about broken tags
def test_every_reader_takes_or_refuses_and_does_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    prepare(tmp_path)
    outside = files_outside(tmp_path)
    refused = rows = 0
    for name in TARGETS:
        for number in range(INPUTS):
            try:
                rows += feed_one(name, number, 0, tmp_path)
            except InputError:
                refused += 1
            except Exception as error:
                raise AssertionError(f"look at it with: python -m tests.fuzz.run --only {name}:{number}") from error
            assert files_outside(tmp_path) == outside, f"{name}:{number} wrote outside of its folder"
    assert refused > 50  # or the inputs are not wrong
    assert rows > 50  # or they are not read


def test_an_input_depends_on_its_number_alone(tmp_path: Path) -> None:
    prepare(tmp_path)
    for target in TARGETS.values():
        assert target.make(Random("0 x 7")) == target.make(Random("0 x 7"))
        assert target.make(Random("0 x 7")) != target.make(Random("0 x 8"))


def test_a_write_outside_of_the_folder_is_seen(tmp_path: Path) -> None:
    prepare(tmp_path)
    before = files_outside(tmp_path)
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "inside").touch()
    assert files_outside(tmp_path) == before
    (tmp_path / "canary.txt").write_text("overwritten")
    assert files_outside(tmp_path) != before


def test_equal_faults_are_counted_and_the_first_is_kept() -> None:
    found = Findings()
    found.fault("KeyError at a.py:1", 5, "first")
    found.fault("KeyError at a.py:1", 6, "second")
    assert found.faults == {"KeyError at a.py:1": (5, "first")}
    assert found.counts["KeyError at a.py:1"] == 2
