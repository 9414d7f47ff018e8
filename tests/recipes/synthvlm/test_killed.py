from __future__ import annotations

from pathlib import Path

from pairsmith.evaluation import read_metrics
from tests.training.kills import run_script


def test_a_run_that_was_killed_ends_as_one_that_was_not(tmp_path: Path) -> None:
    run_script("tests.recipes.synthvlm.run_killed", tmp_path)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert read_metrics(killed) == read_metrics(whole)
    for name in ("selected-0", "real-0"):
        file = Path("evaluation") / "arms" / f"{name}.json"
        assert (killed / file).read_bytes() == (whole / file).read_bytes()
    shards = sorted(file.relative_to(whole) for file in (whole / "images").glob("*.parquet"))
    assert len(shards) > 1
    assert all((killed / shard).read_bytes() == (whole / shard).read_bytes() for shard in shards)
