"""The record has every step once, whatever happened to the process that wrote it."""

from __future__ import annotations

import json

from pairsmith.training.logging import RunLog, read_lines


class Watcher:
    def __init__(self) -> None:
        self.lines: list[dict] = []

    def begin(self, step: int, steps: int) -> None: ...
    def advance(self, step: int) -> None: ...
    def end(self) -> None: ...
    def record(self, line: dict) -> None:
        self.lines.append(line)


def test_lines_after_the_restart_step_and_torn_lines_are_dropped(tmp_path):
    lines = [{"step": step, "loss": step / 7} for step in (10, 20, 30)]
    text = "\n".join(json.dumps(line) for line in lines) + '\n{"step": 40, "lo'
    (tmp_path / "log.jsonl").write_text(text)
    watcher = Watcher()
    with RunLog(tmp_path, 20, progress=watcher) as log:
        assert log.training.lines == lines[:2]
        log.add_training({"step": 30, "loss": 0.5})
        log.add_evaluation({"step": 30, "cider": 1.5})
        log.sync()
        assert read_lines(tmp_path / "log.jsonl") == [*lines[:2], {"step": 30, "loss": 0.5}]
    assert read_lines(tmp_path / "evaluations.jsonl") == [{"step": 30, "cider": 1.5}]
    assert [line["step"] for line in watcher.lines] == [30, 30]


def test_texts_with_strange_line_breaks_survive_a_restart(tmp_path):
    line = {"step": 1, "caption": "a\u2028b\x85c\u2029d\x0be ünï"}
    with RunLog(tmp_path, 0) as log:
        log.add_evaluation(line)
        log.add_evaluation({"step": 2})
    with RunLog(tmp_path, 2) as log:
        assert log.evaluations.lines == [line, {"step": 2}]
    assert read_lines(tmp_path / "evaluations.jsonl") == [line, {"step": 2}]


def test_other_ranks_write_nothing(tmp_path):
    with RunLog(tmp_path, 0, write=False) as log:
        log.add_training({"step": 1})
        assert log.training.lines == [{"step": 1}]
    assert not list(tmp_path.iterdir())


def test_tensorboard_events_hold_the_numbers(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with RunLog(tmp_path, 0, tensorboard=True) as log:
        log.add_training({"step": 5, "loss": 0.25, "note": "text"})
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    (event,) = events.Scalars("training/loss")
    assert (event.step, event.value) == (5, 0.25)
