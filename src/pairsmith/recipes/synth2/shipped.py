"""The trained tokenizer and language model of the built-in world that ship with the package.

They are what `--from-scratch` trains with the same settings; a file beside them records those settings, and they are
only used where the settings are the same.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from pairsmith.errors import InputError
from pairsmith.model_folder import CONFIG_FILE, INCOMING, install
from pairsmith.recipes.synth2.settings import Synth2Settings
from pairsmith.settings import fingerprint

FOLDER = Path(__file__).parent / "weights"
RECORD_NAME = "made_with.json"
MODELS = ("tokenizer", "language_model")


def made_with(settings: Synth2Settings) -> dict[str, str]:
    """Model -> the fingerprint of all settings that decide its weights."""
    values = settings.to_dict()
    common = {key: values[key] for key in ("seed", "world")}
    return {
        "tokenizer": _mark(
            common,
            {"tokenizer": values["tokenizer"]},
            _learning(values["tokenizer_training"]),
            {"pictures": values["data"]["pictures"]},
        ),
        "language_model": _mark(
            common,
            {key: values["language_model"][key] for key in ("source", "width", "layers", "heads", "max_text")},
            _learning(values["language_model_training"]),
            {"text": values["data"]["text"]},
        ),
    }


def take_shipped(settings: Synth2Settings, folder: Path) -> None:
    """Copy the shipped models that fit the settings into a run's folder, unless they are there."""
    record = FOLDER / RECORD_NAME
    if not record.is_file():
        return
    shipped = json.loads(record.read_text())
    for name, mark in made_with(settings).items():
        if shipped.get(name) == mark and not (folder / name / CONFIG_FILE).is_file():
            incoming = folder / name / INCOMING
            shutil.copytree(FOLDER / name, incoming, dirs_exist_ok=True)
            install(incoming, folder / name)


def check_from_scratch(folder: Path) -> None:
    """That no model in a run's folder was taken from the package, whose copies have no training behind them.

    Raises:
        InputError: one was.
    """
    there = [name for name in MODELS if (folder / name / CONFIG_FILE).is_file()]
    taken = [name for name in there if not (folder / name / "training").is_dir()]
    if taken:
        raise InputError(f"{folder / taken[0]} came with the package: to train it from scratch, use another --out")


def ship(settings: Synth2Settings, folder: Path) -> None:
    """Put the models of a run that trained them from scratch into the package (for maintainers)."""
    for name in MODELS:
        shutil.rmtree(FOLDER / name, ignore_errors=True)
        shutil.copytree(folder / name, FOLDER / name, ignore=shutil.ignore_patterns("training"))
    (FOLDER / RECORD_NAME).write_text(json.dumps(made_with(settings), indent=1) + "\n")


def _learning(training: dict[str, Any] | None) -> dict[str, Any]:
    """Of training settings, those that change the weights."""
    quiet = {"checkpoint_every", "keep", "log_every", "tensorboard", "device"}
    return {key: value for key, value in (training or {}).items() if key not in quiet}


def _mark(*parts: dict[str, Any]) -> str:
    return fingerprint(list(parts))
