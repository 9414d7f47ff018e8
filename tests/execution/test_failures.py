"""Rows that fail: how many may, and how they are made again."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pairsmith.errors import InputError
from pairsmith.execution import FailureBudget, RowFactory, TooManyFailures
from pairsmith.pairs import PairStore
from pairsmith.pairs.verify import repair, verify
from tests.execution.stages import BAD, ITEMS, build_failing_while, describe, run
from tests.execution.test_crashes import kill_at
from tests.pairs.rows import folder_bytes


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("whole")
    run(folder)
    return folder_bytes(folder)


def failing(flag: Path) -> RowFactory:
    return RowFactory(partial(build_failing_while, flag))


@pytest.mark.parametrize("workers", [1, 2])
def test_only_the_failed_rows_are_made_again(tmp_path: Path, whole: dict[str, str], workers: int) -> None:
    out, flag = tmp_path / "out", tmp_path / "away"
    flag.touch()
    run(out, make_rows=failing(flag))
    assert PairStore(out).counts()["failed"] == len(BAD) + 2  # captions 3 and 13, too
    for note in tmp_path.glob("made *"):
        note.unlink()
    flag.unlink()
    run(out, make_rows=failing(flag), workers=workers, execution={"retry_failed": True})
    made = {note.name.removeprefix("made ") for note in tmp_path.glob("made *")}
    assert made == {item for item in ITEMS if item.endswith("3")} | BAD
    assert folder_bytes(out) == whole
    assert verify(out).problems == ()


def test_without_failed_rows_there_is_nothing_to_do_again(tmp_path: Path) -> None:
    items = [item for item in ITEMS if item not in BAD]
    run(tmp_path, items=items)
    before = folder_bytes(tmp_path)
    run(tmp_path, items=items, make_rows=RowFactory(partial(int, "no work")), execution={"retry_failed": True})
    assert folder_bytes(tmp_path) == before


@pytest.mark.parametrize(
    "crash_at", ["rows-made:2", "staged:1", "manifest-written:3", "renamed:2", "manifest-written:4"]
)
def test_killed_while_failed_rows_are_made_again(tmp_path: Path, whole: dict[str, str], crash_at: str) -> None:
    out, flag = tmp_path / "out", tmp_path / "away"
    flag.touch()
    run(out, make_rows=failing(flag))
    flag.unlink()
    retry: dict[str, Any] = {"make_rows": failing(flag), "execution": {"retry_failed": True}}
    kill_at(out, crash_at, **retry)
    run(out, **retry)
    assert folder_bytes(out) == whole


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_stops_when_more_rows_fail_than_may(tmp_path: Path, whole: dict[str, str], workers: int) -> None:
    budget = {"max_failures": FailureBudget(rows=2)}
    with pytest.raises(TooManyFailures, match=r"3 of 23 rows have failed, and 2 may: .*caption 5.*--max-fail"):
        run(tmp_path, workers=workers, execution=budget)
    assert len(PairStore(tmp_path, partial=True).manifest.shards) >= 1  # finished shards are kept
    run(tmp_path, workers=workers, execution={"max_failures": FailureBudget.parse("14%")})
    assert folder_bytes(tmp_path) == whole
    (tmp_path / "part-00002.parquet").unlink()
    repair(tmp_path)
    with pytest.raises(TooManyFailures):  # rows that failed before count, too
        run(tmp_path, execution=budget)


def test_no_shard_of_failures_is_finished_beyond_the_budget(tmp_path: Path) -> None:
    with pytest.raises(TooManyFailures):
        run(tmp_path, describe=describe, execution={"max_failures": FailureBudget(rows=0)})
    assert not list(PairStore(tmp_path, partial=True).iter_pairs(status="failed"))


def test_budgets_are_numbers_or_shares() -> None:
    assert FailureBudget.parse("100").allowed(1000) == 100
    assert FailureBudget.parse("5%").allowed(1000) == 50
    assert FailureBudget.parse("0.05").allowed(1000) == 50
    assert FailureBudget.parse("0").allowed(1000) == 0
    for text in ("-1", "five", "120%", "1.5", "", "nan"):
        with pytest.raises(InputError, match="give a number of rows"):
            FailureBudget.parse(text)
