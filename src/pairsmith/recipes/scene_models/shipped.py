"""Trained parts that ship with the package, used only where all settings that decide them are the same.

Weights are kept as float16, in the package and where a part was trained in a run alike, so that both hold the very same
numbers; whoever loads them gets float32.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from pairsmith.model_folder import INCOMING, install
from pairsmith.settings import fingerprint
from pairsmith.training.settings import TrainingSettings

FOLDER = Path(__file__).parent / "weights"
RECORD_NAME = "made_with.json"
TRAINING = "training"


def mark(*parts: Mapping[str, Any] | str) -> str:
    """The fingerprint of all that decides a part's weights."""
    return fingerprint(list(parts))


def learning(training: TrainingSettings) -> dict[str, Any]:
    """Of training settings, those that change the weights."""
    quiet = {"checkpoint_every", "keep", "log_every", "tensorboard", "device"}
    return training.model_dump(mode="json", exclude=quiet)


def trained_or_shipped(
    name: str,
    made_with: str,
    folder: Path,
    train: Callable[[Path], None],
    *,
    from_scratch: bool = False,
    last: str = "config.json",
) -> Path:
    """A part's folder, filled if it is not yet: from the package where the settings are the same, else by training.

    Args:
        name: of the part.
        made_with: the `mark` of its settings.
        folder: to be filled with the part's files.
        train: keeps checkpoints in `folder`/training and writes the part's files into the folder it is given.
        from_scratch: train where the package has the part too.
        last: the file that says that a part is there; it is put in place after all others.

    Returns:
        `folder`.
    """
    if (folder / last).is_file():
        return folder
    incoming = folder / INCOMING
    shutil.rmtree(incoming, ignore_errors=True)
    if not from_scratch and shipped_marks().get(name) == made_with:
        shutil.copytree(FOLDER / name, incoming)
    else:
        incoming.mkdir(parents=True)
        train(incoming)
        for file in incoming.glob("*.safetensors"):
            halve(file)
    install(incoming, folder, last)
    return folder


def shipped_marks() -> dict[str, str]:
    """Part -> the mark of the settings that its shipped weights were made with."""
    record = FOLDER / RECORD_NAME
    return json.loads(record.read_text()) if record.is_file() else {}


def ship(name: str, made_with: str, folder: Path) -> None:
    """Put a trained part into the package (for maintainers)."""
    shutil.rmtree(FOLDER / name, ignore_errors=True)
    shutil.copytree(folder, FOLDER / name, ignore=shutil.ignore_patterns(TRAINING))
    marks = {**shipped_marks(), name: made_with}
    (FOLDER / RECORD_NAME).write_text(json.dumps(dict(sorted(marks.items())), indent=1) + "\n")


def halve(file: Path) -> None:
    """Round the float32 tensors of a safetensors file to float16, in place."""
    with safe_open(file, "pt") as opened:
        metadata = opened.metadata()
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - it is no mapping
    halved = {name: value.half() if value.dtype == torch.float32 else value for name, value in tensors.items()}
    save_file(halved, file, metadata=metadata)
