"""A run's folder: the settings that it was begun with, and what it measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from pairsmith.errors import InputError
from pairsmith.pairs.atomic import atomic_file
from pairsmith.recipes.synth2.settings import Synth2Settings
from pairsmith.settings import first_difference

SETTINGS_NAME = "settings.yaml"
# What may change while a run goes on: more or fewer seeds, and where it computes.
_FREE = {"seeds": 0, "device": "auto"}


def begin(settings: Synth2Settings, out: Path, real: Path | None) -> None:
    """Note the settings of a new run, or check those of one that was begun; more or fewer seeds may be asked for.

    Raises:
        InputError: the run in `out` has other settings; the first that differs is named.
    """
    wanted = {**settings.to_dict(), "real": None if real is None else str(real.resolve())}
    file = out / SETTINGS_NAME
    if file.is_file():
        found = _read_settings(file)
        difference = first_difference({**found, **_FREE}, {**wanted, **_FREE})
        if difference:
            raise InputError(f"{out} holds a run with other settings: {difference}; use another --out")
    out.mkdir(parents=True, exist_ok=True)
    with atomic_file(file) as settings_file:
        settings_file.write(yaml.safe_dump(wanted, sort_keys=False).encode())


def _read_settings(file: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(file.read_text())
    except (yaml.YAMLError, ValueError):
        found = None
    if not isinstance(found, dict):
        raise InputError(f"{file}: cannot be read as the settings of a run; use another --out")
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
