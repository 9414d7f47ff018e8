"""What the run folders of all recipes share: results, files that are missing or damaged, hardware, the command."""

from __future__ import annotations

import json
import shlex
from itertools import pairwise
from pathlib import Path

import pytest

from pairsmith.errors import InputError
from pairsmith.recipes.polygen import presets as polygen
from pairsmith.recipes.run_files import begin, save_json
from pairsmith.recipes.settings import RecipeSettings
from pairsmith.recipes.synth2 import presets as synth2
from pairsmith.recipes.synthvlm import presets as synthvlm
from pairsmith.report.polygen_run import PolygenRun
from pairsmith.report.reproduce import command, preset_text, settings_text
from pairsmith.report.run_base import RunBase
from pairsmith.report.run_folder import RunFolder
from pairsmith.report.synthvlm_run import SynthvlmRun
from pairsmith.settings import load_settings

RECIPES: list[tuple[type[RunBase], RecipeSettings]] = [
    (RunFolder, synth2.preset("tiny")),
    (SynthvlmRun, synthvlm.PRESETS["tiny"]),
    (PolygenRun, polygen.preset("tiny")),
]
recipes = pytest.mark.parametrize(("kind", "tiny"), RECIPES, ids=["synth2", "synthvlm", "polygen"])


@recipes
def test_a_begun_run_has_nothing_and_says_so(kind: type[RunBase], tiny: RecipeSettings, tmp_path: Path) -> None:
    begin(tiny.with_seeds(), tmp_path)
    run = kind(tmp_path)
    assert (run.metrics, run.environment, run.entries, run.result("budgets"), run.store("data/test")) == (
        {}, {}, [], None, None,
    )  # fmt: skip
    assert (run.source, run.own_pairs, run.hardware, run.software(("torch",))) == (None, False, "–", "–")
    with pytest.raises(InputError, match="holds no run"):
        kind(tmp_path / "elsewhere")


@recipes
def test_results_are_read_once_and_torn_ones_refused(kind: type[RunBase], tiny: RecipeSettings, tmp_path: Path) -> None:
    begin(tiny.with_seeds(), tmp_path)
    run = kind(tmp_path)
    save_json(tmp_path / "evaluation" / "curation.json", {"pairs": 7})
    save_json(tmp_path / "evaluation" / "list.json", [1])
    assert kind(tmp_path).result("curation") == {"pairs": 7}
    assert kind(tmp_path).result("list") is None
    assert run.result("curation") is None  # of the folder as it was
    (tmp_path / "evaluation" / "torn.json").write_text('{"value": ')
    with pytest.raises(InputError, match="not JSON"):
        kind(tmp_path)


@recipes
def test_the_command_makes_the_settings_again(kind: type[RunBase], tiny: RecipeSettings, tmp_path: Path) -> None:
    changes = ["seed=3", "seeds=4"]
    settings = load_settings(type(tiny), tiny.to_dict(), None, changes).with_seeds()
    begin(settings, tmp_path / "my run")
    run = kind(tmp_path / "my run")
    assert preset_text(run) == "tiny with 2 changes"
    words = shlex.split(command(run).replace("\\\n", " "))
    assert words[:5] == ["pairsmith", "run", tiny.RECIPE, "--preset", "tiny"]
    assert words[-2:] == ["--out", "my run"]
    overrides = [value for option, value in pairwise(words) if option == "--set"]
    assert load_settings(type(tiny), tiny.to_dict(), None, overrides).with_seeds() == settings
    assert "seed: 3" in settings_text(run)


def test_hardware_and_software_are_what_the_run_noted(tmp_path: Path) -> None:
    begin(polygen.preset("tiny").with_seeds(), tmp_path)
    noted = {
        "packages": {"pairsmith": "0.0.7", "torch": "2.0"},
        "hardware": {"processor": "<b>", "cores": 1, "memory_bytes": 3 * 1024**3, "accelerators": ["H100"]},
    }
    (tmp_path / "environment.json").write_text(json.dumps(noted))
    run = PolygenRun(tmp_path)
    assert run.hardware == "H100, <b>, 1 core, 3.00 GiB memory"
    assert run.software(("torch", "diffusers")) == "Pairsmith 0.0.7, torch 2.0"
