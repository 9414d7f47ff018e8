"""The command in a report makes the very settings of the run."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import yaml

from pairsmith.recipes.run_files import begin
from pairsmith.recipes.synth2.presets import load_preset
from pairsmith.recipes.synth2.settings import Synth2Settings
from pairsmith.report.reproduce import command, origin, preset_text
from pairsmith.report.run_folder import RunFolder


def begun(
    out: Path, changes: list[str], name: str = "tiny", real: Path | None = None
) -> tuple[RunFolder, Synth2Settings]:
    settings = load_preset(name, own_pairs=real is not None, overrides=changes)
    begin(settings, out, real)
    return RunFolder(out), settings


@pytest.mark.parametrize(
    "changes",
    [
        [],
        ["seed=3"],
        ["seeds=3", "data.real=100", "arms=[baseline, synthetic]", "tokenizer_training.learning_rate=0.00002"],
        ["language_model.source='it''s $HOME'", "evaluation.every=null"],
    ],
)
def test_the_options_make_the_settings_again(tmp_path: Path, changes: list[str]) -> None:
    run, settings = begun(tmp_path / "my run", changes)
    words = shlex.split(command(run).replace("\\\n", " "))
    assert words[:3] == ["pairsmith", "run", "synth2"]
    options = list(zip(words[3::2], words[4::2], strict=True))
    assert ("--preset", "tiny") in options
    assert ("--out", "my run") in options
    overrides = [value for option, value in options if option == "--set"]
    assert len(overrides) == len(changes)
    assert load_preset("tiny", overrides=overrides) == settings


@pytest.mark.parametrize("name", ["tiny", "small", "paper"])
def test_own_pairs_are_named_without_their_path(tmp_path: Path, name: str) -> None:
    run, _ = begun(tmp_path / "run", [], name, tmp_path / "my photos")
    assert origin(run) == (name, {})
    assert preset_text(run) == name
    assert "--real 'my photos'" in command(run)
    assert str(tmp_path) not in command(run)


def test_settings_far_from_every_preset(tmp_path: Path) -> None:
    run, _ = begun(tmp_path / "run", [])
    file = run.out / "settings.yaml"
    values = yaml.safe_load(file.read_text())
    values["vlm"] = {f"option_{number}": number for number in range(20)}
    file.write_text(yaml.safe_dump(values))
    far = RunFolder(run.out)
    assert preset_text(far) == "settings of its own"
    assert "--config" in command(far)
    assert "--preset" not in command(far)


def test_changes_are_counted(tmp_path: Path) -> None:
    assert preset_text(begun(tmp_path / "one", ["seed=3"])[0]) == "tiny with 1 change"
    assert preset_text(begun(tmp_path / "two", ["seed=3", "seeds=2"])[0]) == "tiny with 2 changes"
