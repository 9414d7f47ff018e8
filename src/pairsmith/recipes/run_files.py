"""A run's folder: the settings that it was begun with, and what it measured."""

from __future__ import annotations

import json
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from pydantic import ValidationError

from pairsmith.errors import InputError
from pairsmith.pairs.atomic import atomic_file
from pairsmith.recipes.settings import RecipeSettings
from pairsmith.settings import first_difference

SETTINGS_NAME = "settings.yaml"
# What may change while a run goes on: more or fewer seeds, and where it computes.
_FREE = {"seeds": 0, "device": "auto"}


def begin(settings: RecipeSettings, out: Path, real: Path | None = None) -> None:
    """Note the settings of a new run, or check those of one that was begun; more or fewer seeds may be asked for.

    A setting that the run's version of Pairsmith did not have counts as its default.

    Raises:
        InputError: the run in `out` has other settings; the first that differs is named.
    """
    own = {"recipe": settings.RECIPE, "real": None if real is None else str(real.resolve())}
    wanted = {**own, **settings.to_dict()}
    file = out / SETTINGS_NAME
    if file.is_file():
        found = {"recipe": "synth2", "real": None, **read_settings(out)}  # early runs did not name their recipe
        if found["recipe"] == settings.RECIPE:
            found = {**found, **_with_defaults(settings, {key: found[key] for key in found if key not in own})}
        difference = first_difference({**found, **_FREE}, {**wanted, **_FREE})
        if difference:
            raise InputError(f"{out} holds a run with other settings: {difference}; use another --out")
    out.mkdir(parents=True, exist_ok=True)
    with atomic_file(file) as settings_file:
        settings_file.write(yaml.safe_dump(wanted, sort_keys=False).encode())


def _with_defaults(settings: RecipeSettings, found: dict[str, Any]) -> dict[str, Any]:
    try:
        return type(settings).model_validate(found).to_dict()
    except ValidationError:  # of a version that knew other settings: the comparison says which
        return found


def read_settings(out: Path) -> dict[str, Any]:
    """What `settings.yaml` of a run holds: `recipe`, `real` (the user's own pairs or None) and all settings.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    file = out / SETTINGS_NAME
    if not file.is_file():
        raise InputError(f"{out} holds no run: there is no {SETTINGS_NAME}; give the folder of `pairsmith run`")
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{file}: cannot be read as YAML, the settings of a run ({error})") from error
    if not isinstance(found, dict):
        raise InputError(f"{file}: a settings file holds `name: value` lines, not a {type(found).__name__}")
    return found


def read_arms(out: Path, seeds: int | None = None) -> list[dict[str, Any]]:
    """The files of `evaluation/arms`, of the seeds 0 .. `seeds` - 1 alone; None: of all."""
    found = [json.loads(file.read_text()) for file in sorted((out / "evaluation" / "arms").glob("*.json"))]
    return [entry for entry in found if seeds is None or int(entry.get("seed", 0)) < seeds]


def read_run(out: Path, seeds: int | None = None) -> dict[str, Any]:
    """Everything that a run measured, for reports: the JSON files of `evaluation/` by name, arms as `read_arms`."""
    found = {file.stem: json.loads(file.read_text()) for file in sorted((out / "evaluation").glob("*.json"))}
    found["arms"] = read_arms(out, seeds)
    return found


def save_json(path: Path, value: Any) -> None:
    """Write JSON in one step (a reader sees the old file or the new one); dataclasses become objects."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as file:
        file.write(json.dumps(value, default=_plain, indent=1).encode())


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} has no JSON form")
