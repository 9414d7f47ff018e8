"""What is passed over: a finished store of the same inputs, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from pairsmith.pairs import Pair, PairStore, PairWriter
from pairsmith.pairs.outcome import NothingMade
from pairsmith.recipes.finished import finished_store


def write(folder: Path, status: str = "ok") -> PairStore:
    reason = "" if status == "ok" else "broken"
    row = Pair(id="a", caption="a red ball", status=status, reason=reason)  # type: ignore[arg-type]
    return PairStore.write(folder, [row], settings={}, inputs={"captions": "1234"})


def test_a_finished_store_of_these_inputs_is_taken(tmp_path: Path) -> None:
    written = write(tmp_path / "a")
    for inputs in ({}, {"captions": "1234"}):
        found = finished_store(tmp_path / "a", **inputs)
        assert found is not None
        assert found.fingerprint == written.fingerprint


def test_others_are_left_to_their_stage(tmp_path: Path) -> None:
    write(tmp_path / "a")
    assert finished_store(tmp_path / "a", captions="5678") is None
    assert finished_store(tmp_path / "a", allocation="1234") is None
    assert finished_store(tmp_path / "b") is None
    with PairWriter(tmp_path / "b", settings={}, inputs={"captions": "1234"}) as writer:
        writer.write_shard(0, [Pair(id="a", caption="a red ball")])
    assert finished_store(tmp_path / "b", captions="1234") is None  # not sealed


def test_a_store_without_usable_rows_is_no_result(tmp_path: Path) -> None:
    write(tmp_path / "a", status="failed")
    with pytest.raises(NothingMade):
        finished_store(tmp_path / "a")
