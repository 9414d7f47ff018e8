"""Run folders: what is read, and what never leaves them with own pairs."""

from __future__ import annotations

from pathlib import Path

from pairsmith.report.reproduce import flatten
from pairsmith.report.run_folder import WORLD_SETTINGS, RunFolder
from tests.report.conftest import Copy


def test_settings_of_the_world_are_gone_with_own_pairs(own_run: Path, scene_run: Path) -> None:
    names = flatten(RunFolder(own_run).values)
    for setting in WORLD_SETTINGS:
        assert not [name for name in names if name == setting or name.startswith(f"{setting}.")]
    assert "gold" not in names["arms"]
    assert {"data.test", "vlm_training.steps", "language_model.source"} <= set(names)
    kept = flatten(RunFolder(scene_run).values)
    assert {"world.image_size", "data.real"} <= set(kept)


def test_times_are_summed_over_seeds(scene_run: Path) -> None:
    times = {time.name: time for time in RunFolder(scene_run).training_times()}
    assert list(times)[:2] == ["Language model", "Generator"]
    vlm = times["VLM Synth², 2 seeds"]
    assert (vlm.steps, vlm.batch_size, vlm.seconds) == (400, 64, 320.0)


def test_a_torn_log_is_read_up_to_the_tear(scene_run: Path, copy: Copy) -> None:
    run = copy(scene_run)
    log = run / "models" / "generator" / "training" / "log.jsonl"
    log.write_text(log.read_text()[:-20])
    found = next(time for time in RunFolder(run).training_times() if time.name == "Generator")
    assert found.steps == 600


def test_a_damaged_store_is_passed_over(scene_run: Path, copy: Copy) -> None:
    run = copy(scene_run)
    (run / "captions" / "part-00000.parquet").write_bytes(b"torn")
    folder = RunFolder(run)
    assert folder.captions is None
    assert folder.test is not None
