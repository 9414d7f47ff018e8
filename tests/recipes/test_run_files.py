"""A run's folder: which settings may go on in it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pairsmith.errors import InputError
from pairsmith.recipes.run_files import SETTINGS_NAME, begin, read_settings
from pairsmith.recipes.settings import RecipeSettings
from tests.recipes.synth2.tiny import scene_settings


def edit(folder: Path, **changes: object) -> None:
    values = yaml.safe_load((folder / SETTINGS_NAME).read_text())
    values = {key: value for key, value in {**values, **changes}.items() if value is not None}
    (folder / SETTINGS_NAME).write_text(yaml.safe_dump(values))


def test_a_setting_unknown_when_the_run_began_counts_as_its_default(tmp_path: Path) -> None:
    settings = scene_settings("cached_captions=0")
    begin(settings, tmp_path)
    edit(tmp_path, cached_captions=None, recipe=None)
    begin(settings, tmp_path)
    assert read_settings(tmp_path)["cached_captions"] == 0
    edit(tmp_path, cached_captions=None)
    with pytest.raises(InputError, match=r"other settings: cached_captions \(was 0, now 7\)"):
        begin(scene_settings("cached_captions=7"), tmp_path)


def test_another_seed_device_or_number_of_seeds(tmp_path: Path) -> None:
    begin(scene_settings(), tmp_path)
    begin(scene_settings("seeds=3", "device=cpu"), tmp_path)
    with pytest.raises(InputError, match=r"seed \(was 0, now 1\)"):
        begin(scene_settings("seed=1"), tmp_path)


def test_another_recipe_is_refused(tmp_path: Path) -> None:
    class Other(RecipeSettings):
        RECIPE = "other"

    begin(scene_settings(), tmp_path)
    with pytest.raises(InputError, match="holds a run with other settings"):
        begin(Other(), tmp_path)
