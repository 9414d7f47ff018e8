"""Writers of verdicts that worker processes can be sent, and what is done with them until a crash."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pairsmith.captions.filters import FilterModels, FilterSettings, filter_captions
from pairsmith.captions.filters.settings import VerdictRequest
from pairsmith.captions.writer import Request, WriteFailure, WriterUnavailable
from pairsmith.execution import ALONE, Execution
from pairsmith.pairs import Pair, PairStore
from pairsmith.pairs.atomic import CRASH_VARIABLE

COUNT = 20
VERDICTS = FilterSettings(near_duplicates=None, verdict=VerdictRequest(prompt="[caption]"))


class NotingWriter:
    """Says no to every third caption; fails at those that are told, and notes each caption in a folder.

    Args:
        notes: one file for each caption asked about, with as many letters as it was asked.
        refused: numbers of captions that get no answer.
        broken: numbers of captions that break the call for all that are asked about together.
        gone: number of a caption at which the server has gone.
    """

    name = "noting"

    def __init__(self, notes: Path, refused: Sequence[int] = (), broken: Sequence[int] = (), gone: int = -1) -> None:
        self._notes, self._refused, self._broken, self._gone = notes, refused, broken, gone

    def describe(self) -> dict[str, Any]:
        return {"kind": "noting"}

    def write(self, requests: Sequence[Request]) -> list[str | WriteFailure]:
        numbers = [int(request.prompt.split()[-1]) for request in requests]
        if self._gone in numbers:
            raise WriterUnavailable("the server has gone")
        if set(self._broken) & set(numbers):
            raise ValueError("no tokens for this caption")
        self._notes.mkdir(parents=True, exist_ok=True)
        for number in numbers:
            with (self._notes / str(number)).open("a") as file:
                file.write("x")
        return [
            WriteFailure("HTTP 400: refused") if number in self._refused else "No." if number % 3 == 0 else "Yes"
            for number in numbers
        ]


def asked(notes: Path) -> list[int]:
    """The numbers of the captions that a writer was asked about, each as often as it was."""
    return sorted(int(path.name) for path in notes.glob("*") for _ in path.read_text())


def numbered(folder: Path) -> PairStore:
    """A store of captions with numbers at their ends, and one row that has failed before."""
    rows = [Pair(id=f"{at:032x}", caption=f"A dog by a tree with leaves {at}", seed=at) for at in range(COUNT)]
    rows.insert(4, Pair(id="f" * 32, caption="", status="failed", reason="HTTP 500: oops"))
    return PairStore.write(folder, rows, settings={}, shard_rows=7)


def judge(folder: Path, writer: NotingWriter, execution: Execution = ALONE, part_rows: int = 6) -> PairStore:
    """The store `in` of a folder through the filter by verdicts, to its store `out`."""
    models = FilterModels(verdict=writer)
    return filter_captions(
        PairStore(folder / "in"), folder / "out", VERDICTS, models, part_rows=part_rows, execution=execution
    )


def judge_until_crash(folder: Path, crash_at: str) -> None:
    """The body of a process that dies at a crash point."""
    os.environ[CRASH_VARIABLE] = crash_at
    judge(folder, NotingWriter(folder / "asked"))
