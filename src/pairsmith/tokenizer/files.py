"""A tokenizer's folder: `config.json` and `model.safetensors`, on disk or on the Hugging Face hub."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from huggingface_hub import snapshot_download
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from pairsmith.errors import InputError
from pairsmith.tokenizer.config import TokenizerConfig

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


def save(folder: Path, config: TokenizerConfig, weights: Mapping[str, Tensor]) -> None:
    """Write both files, each renamed into place when complete."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{WEIGHTS_FILE}.{os.getpid()}"
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}, temporary)
    os.replace(temporary, folder / WEIGHTS_FILE)
    temporary = folder / f".{CONFIG_FILE}.{os.getpid()}"
    temporary.write_text(json.dumps({"model_type": "pairsmith-tokenizer", **config.to_dict()}, indent=2) + "\n")
    os.replace(temporary, folder / CONFIG_FILE)


def find(source: str | Path, revision: str | None) -> Path:
    """The local folder of `source`; what looks like a hub id and is no folder is downloaded (or taken from the cache).

    Raises:
        InputError: neither a folder nor a hub id, or the download failed.
    """
    folder = Path(source)
    if folder.is_dir():
        return folder
    if not _HUB_ID.fullmatch(str(source)):
        raise InputError(f"{source}: no such folder; give a tokenizer's folder or the id of a model on the hub")
    try:
        return Path(snapshot_download(str(source), revision=revision, allow_patterns=[CONFIG_FILE, WEIGHTS_FILE]))
    except Exception as error:  # the hub client raises its own, httpx's and the system's errors alike
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"{source}: no such folder, and the hub did not give it ({reason})") from error


def read_config(folder: Path) -> TokenizerConfig:
    """The settings in `config.json`.

    Raises:
        InputError: missing, no JSON, not a tokenizer's, or settings that are unknown or out of range.
    """
    path = folder / CONFIG_FILE
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: cannot be read; a tokenizer's folder holds {CONFIG_FILE} and {WEIGHTS_FILE}"
        ) from error
    if not isinstance(values, dict) or values.pop("model_type", None) != "pairsmith-tokenizer":
        raise InputError(f"{path}: this is not the settings file of a Pairsmith tokenizer")
    try:
        return TokenizerConfig.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "settings"
        raise InputError(f"{path}: {where}: {first['msg']}") from error


def load_weights(folder: Path, model: nn.Module) -> None:
    """Fill `model` from `model.safetensors`, every tensor by name and shape.

    Raises:
        InputError: missing or damaged file, or tensors that do not fit the settings.
    """
    path = folder / WEIGHTS_FILE
    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    if expected != found:
        name = min(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
        here, asked = found.get(name, "absent"), expected.get(name, "none")
        raise InputError(f"{path}: tensor {name} is {here}, but {CONFIG_FILE} asks for {asked}")
    model.load_state_dict(weights)
