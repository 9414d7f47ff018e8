"""The written record of a run: JSON lines that survive restarts, and TensorBoard events.

A resumed run drops the lines after the step it continues from, so that no step appears twice.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Protocol

from pairsmith.pairs.atomic import atomic_file

LOG_NAME = "log.jsonl"
EVALUATIONS_NAME = "evaluations.jsonl"

Line = dict[str, Any]


class Progress(Protocol):
    """What shows a run while it goes on; called on rank 0 only."""

    def begin(self, step: int, steps: int) -> None:
        """The run starts, with `step` steps of `steps` done before."""

    def advance(self, step: int) -> None:
        """`step` steps are done."""

    def record(self, line: Mapping[str, Any]) -> None:
        """A line was added to the log or to the evaluations."""

    def end(self) -> None:
        """The run is over, well or not."""


def read_lines(path: Path, last_step: int | None = None) -> list[Line]:
    """The lines of a record up to `last_step`; none if there is no file. Reading stops at a torn line."""
    lines: list[Line] = []
    if not path.is_file():
        return lines
    for text in path.read_text(encoding="utf-8").split("\n"):  # not splitlines: texts may hold other line breaks
        if not text:
            continue
        try:
            line = json.loads(text)
        except json.JSONDecodeError:  # the process was killed while it wrote this line
            break
        if last_step is None or line["step"] <= last_step:
            lines.append(line)
    return lines


class Record:
    """One JSON-lines file with a growing list of its lines.

    Args:
        path: of the file.
        last_step: lines of later steps are dropped.
        write: False keeps the lines in memory only (ranks other than 0).
    """

    def __init__(self, path: Path, last_step: int, write: bool) -> None:
        self.lines = read_lines(path, last_step) if write else []
        self._file: TextIOWrapper | None = None
        if write:
            with atomic_file(path) as file:
                for line in self.lines:
                    file.write((_to_text(line) + "\n").encode())
            self._file = path.open("a", encoding="utf-8")

    def add(self, line: Line) -> None:
        """Append one line; it is in the file when this returns."""
        self.lines.append(line)
        if self._file:
            self._file.write(_to_text(line) + "\n")
            self._file.flush()

    def sync(self) -> None:
        """Make the lines outlast a power cut."""
        if self._file:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()


class RunLog:
    """The log and the evaluations of a run, in files and optionally in TensorBoard.

    Args:
        out: folder of the run; the files are log.jsonl, evaluations.jsonl and tensorboard/.
        last_step: the step the run continues from.
        write: False on ranks other than 0.
        tensorboard: whether to write events.
        progress: told of every line.
    """

    def __init__(
        self,
        out: Path,
        last_step: int,
        *,
        write: bool = True,
        tensorboard: bool = False,
        progress: Progress | None = None,
    ) -> None:
        self.training = Record(out / LOG_NAME, last_step, write)
        self.evaluations = Record(out / EVALUATIONS_NAME, last_step, write)
        self._progress = progress if write else None
        self._events = None
        if tensorboard and write:
            from torch.utils.tensorboard import SummaryWriter  # slow to import, so only where it is used

            self._events = SummaryWriter(str(out / "tensorboard"), purge_step=last_step + 1)

    def __enter__(self) -> RunLog:
        return self

    def __exit__(self, *unused: object) -> None:
        self.training.close()
        self.evaluations.close()
        if self._events:
            self._events.close()

    def add_training(self, line: Line) -> None:
        """Record a line of the training log."""
        self._add(self.training, line, "training")

    def add_evaluation(self, line: Line) -> None:
        """Record what an evaluation found."""
        self._add(self.evaluations, line, "evaluation")

    def sync(self) -> None:
        """Make all lines outlast a power cut; called before a checkpoint, which counts on them."""
        self.training.sync()
        self.evaluations.sync()

    def _add(self, record: Record, line: Line, group: str) -> None:
        record.add(line)
        if self._events:
            for name, value in line.items():
                if name != "step" and isinstance(value, (int, float)):
                    self._events.add_scalar(f"{group}/{name}", value, line["step"])
        if self._progress:
            self._progress.record(line)


def _to_text(line: Mapping[str, Any]) -> str:
    return json.dumps(line, ensure_ascii=False, default=float)
