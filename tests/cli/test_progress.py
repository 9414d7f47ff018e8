"""Progress in plain lines, and in a live display."""

from __future__ import annotations

import io
import time

import pytest
from rich.console import Console

from pairsmith.cli.console import duration, plural, scaled, table
from pairsmith.cli.progress import LiveDisplay, PlainDisplay
from pairsmith.execution import WorkerLine


def test_plain_lines_tell_stages_and_what_goes_on():
    lines: list[str] = []
    with PlainDisplay(quiet=0.05, write=lines.append) as display:
        with display.stage("captions"):
            meter = display.rows("captions")
            meter(10, 40, 2)
            time.sleep(0.3)
            meter(40, 40, 2)
        with display.stage("VLM"):
            progress = display.training("VLM baseline-0")
            progress.begin(100, 400)
            progress.advance(130)
            progress.record({"step": 130, "loss": 1.5})
            time.sleep(0.3)
            progress.end()
    texts = [line.split("  ", 1)[1] for line in lines]
    assert texts[0] == "captions: begins"
    assert texts[1] == "captions: row 10 of 40, 2 failed"
    begins = texts.index("VLM: begins")
    assert texts[begins - 1].startswith("captions: done in 0.")
    assert texts[begins + 1].startswith("VLM baseline-0: step 130 of 400, ")
    assert texts[begins + 1].endswith("loss 1.5")
    assert " left, " in texts[begins + 1]
    assert texts[-1].startswith("VLM: done in")


def test_a_stage_without_meter_is_heard_of():
    lines: list[str] = []
    with PlainDisplay(quiet=0.05, write=lines.append) as display, display.stage("speed"):
        time.sleep(0.2)
    assert any("speed: for 0." in line for line in lines)


def test_a_stage_that_fails_is_not_called_done():
    lines: list[str] = []
    with pytest.raises(ZeroDivisionError), PlainDisplay(write=lines.append) as display, display.stage("data"):
        raise ZeroDivisionError
    assert [line.split("  ", 1)[1] for line in lines] == ["data: begins"]


def test_live_display_shows_and_clears():
    screen = io.StringIO()
    display = LiveDisplay(Console(file=screen, force_terminal=True, width=100))
    with display, display.stage("[generator]"):
        meter = display.training("generator")
        meter.begin(0, 10)
        meter.advance(4)
        assert len(display._progress.tasks) == 2
        display._progress.refresh()
        meter.end()
        assert len(display._progress.tasks) == 1
        display.rows("left open")(1, 5)
    assert not display._progress.tasks
    assert "[generator]: " in screen.getvalue()
    assert "step 4 of 10" in screen.getvalue()


def test_words_for_numbers():
    assert [duration(s) for s in (1.23, 200, 3000, 9000, 3e6)] == ["1.2 s", "3 min 20 s", "50 min", "2.5 h", "35 d"]
    assert [scaled(v, "B") for v in (5, 512e6, 196.608e9)] == ["5 B", "512 MB", "196.6 GB"]
    assert scaled(654_600_000, "") == "654.6 M"
    assert [plural(n, "row") for n in (1, 2, 1000)] == ["1 row", "2 rows", "1,000 rows"]
    assert table([("a", "bb"), ("ccc", "d")], right=(1,)) == ["a    bb", "---  --", "ccc   d"]


WORKERS = [
    WorkerLine(0, "working", shard=3, done=1_200, rows=2_000, rate=40.0, failed=7, left=20.0),
    WorkerLine(1, deaths=2),
]


def test_plain_lines_tell_what_workers_do():
    lines: list[str] = []
    with PlainDisplay(quiet=0.05, write=lines.append) as display, display.stage("render"):
        display.rows("render")(1_200, 9_000, 7)
        display.workers("render")(WORKERS)
        time.sleep(0.3)
    texts = [line.split("  ", 1)[1].strip() for line in lines]
    assert "worker 0, shard 3, row 1,200 of 2,000, 40 rows a second, 20.0 s left, 7 failed" in texts
    assert "worker 1, starting, replaced 2 times" in texts


def test_a_live_display_has_a_table_of_workers():
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    with LiveDisplay(console) as display, display.stage("render"):
        display.rows("render")(1_200, 9_000, 7)
        display.workers("render")(WORKERS)
        display._progress.refresh()
        shown = console.file.getvalue()
    for words in ("worker", "rows/s", "1,200 of 2,000", "20.0 s", "replaced 2 times"):
        assert words in shown
