"""A model as a folder: `config.json` and `model.safetensors`, on disk or on the Hugging Face hub.

Tokenizer, generator and VLM are kept in the same way and refuse the same damage with the same words. Each file is
renamed into place when it is complete, the settings last: a folder with settings is a whole one.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from pairsmith.errors import InputError
from pairsmith.settings import SettingsType

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
INCOMING = "incoming"  # where the files of other libraries' models lie until all of them are written
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


def save_folder(folder: Path, values: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
    """Write both files.

    Args:
        folder: made if absent.
        values: JSON values for `config.json`.
        weights: name -> tensor, on any device.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    text = json.dumps(dict(values), indent=2) + "\n"
    _put(folder / WEIGHTS_FILE, lambda path: save_file(tensors, path, metadata={"format": "pt"}))
    _put(folder / CONFIG_FILE, lambda path: path.write_text(text, encoding="utf-8"))


def find_folder(source: str | Path, revision: str | None, what: str, files: Sequence[str] | None = None) -> Path:
    """The local folder of `source`; what looks like a hub id and is no folder is downloaded (or taken from the cache).

    Args:
        source: a folder, or the id of a model on the hub.
        revision: branch, tag or commit on the hub.
        what: the kind of model, for messages: "a tokenizer".
        files: to download; None: the two files of a folder.

    Raises:
        InputError: neither a folder nor a hub id, or the download failed.
    """
    folder = Path(source)
    if folder.is_dir():
        return folder
    if not _HUB_ID.fullmatch(str(source)):
        raise InputError(f"{source}: no such folder; give {what}'s folder or the id of a model on the hub")
    wanted = list(files or (CONFIG_FILE, WEIGHTS_FILE))
    try:
        return Path(snapshot_download(str(source), revision=revision, allow_patterns=wanted))
    except Exception as error:  # the hub client raises its own, httpx's and the system's errors alike
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"{source}: no such folder, and the hub did not give it ({reason})") from error


def read_values(folder: Path, what: str, marks: Mapping[str, Any]) -> dict[str, Any]:
    """What `config.json` holds beside the marks of its kind.

    Args:
        folder: of the model.
        what: the kind of model, for messages.
        marks: key -> value that only this kind of model has, such as {"model_type": "pairsmith-tokenizer"}.

    Raises:
        InputError: missing, no JSON object, or of another kind.
    """
    path = folder / CONFIG_FILE
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read; {what}'s folder holds {CONFIG_FILE} and {WEIGHTS_FILE}") from error
    if not isinstance(values, dict) or any(values.pop(key, None) != value for key, value in marks.items()):
        raise InputError(f"{path}: this is not the settings file of {what}")
    return values


def check_settings(folder: Path, cls: type[SettingsType], values: Any) -> SettingsType:
    """Settings read from `config.json`.

    Raises:
        InputError: unknown, of the wrong type or out of range.
    """
    try:
        return cls.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "settings"
        raise InputError(f"{folder / CONFIG_FILE}: {where}: {first['msg']}") from error


def read_weights(folder: Path) -> dict[str, Tensor]:
    """The tensors of `model.safetensors`, on the CPU.

    Raises:
        InputError: missing or damaged file.
    """
    path = folder / WEIGHTS_FILE
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: cannot be read ({error}); copy the folder again") from error


def load_weights(folder: Path, model: nn.Module) -> None:
    """Fill `model` from `model.safetensors`, every tensor by name and shape.

    Raises:
        InputError: missing or damaged file, or tensors that do not fit the settings.
    """
    weights = read_weights(folder)
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    if expected != found:
        name = min(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
        here, asked = found.get(name, "absent"), expected.get(name, "none")
        raise InputError(f"{folder / WEIGHTS_FILE}: tensor {name} is {here}, but {CONFIG_FILE} asks for {asked}")
    model.load_state_dict(weights)


def _put(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` make the file under another name, and rename it into place once it is on the disk."""
    temporary = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    try:
        write(temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def install(incoming: Path, folder: Path, last: str = CONFIG_FILE) -> None:
    """Move a model's files to where they belong, `last` at the end.

    Its presence is what says that a model is there, and a run may be killed between any two files.
    """
    for file in sorted(incoming.iterdir(), key=lambda file: (file.name == last, file.name)):
        file.replace(folder / file.name)
    incoming.rmdir()
