"""A generator's folder: `config.json` and `model.safetensors`, on disk or on the Hugging Face hub."""

from __future__ import annotations

import json
import os
from pathlib import Path

from huggingface_hub import snapshot_download
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from pairsmith.errors import InputError
from pairsmith.generators.config import GeneratorConfig

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
MODEL_TYPE = "pairsmith-masked-generator"


def save(folder: Path, config: GeneratorConfig, weights: dict[str, Tensor]) -> None:
    """Write weights, then settings, each renamed into place when complete."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{WEIGHTS_FILE}.tmp-{os.getpid()}"
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}, temporary)
    temporary.replace(folder / WEIGHTS_FILE)
    temporary = folder / f".{CONFIG_FILE}.tmp-{os.getpid()}"
    temporary.write_text(json.dumps({"model_type": MODEL_TYPE, **config.to_dict()}, indent=2) + "\n")
    temporary.replace(folder / CONFIG_FILE)


def find(source: str | Path, revision: str | None) -> Path:
    """The local folder of a path or of a hub id, which is downloaded or taken from the cache.

    Raises:
        InputError: neither of the two.
    """
    if Path(source).is_dir():
        return Path(source)
    try:
        return Path(snapshot_download(str(source), revision=revision, allow_patterns=[CONFIG_FILE, WEIGHTS_FILE]))
    except Exception as error:  # the hub client raises its own errors, the HTTP client's and the system's alike
        raise InputError(f"{source}: neither a generator's folder nor a model that the hub gives") from error


def read_config(folder: Path) -> GeneratorConfig:
    """The settings of `config.json`.

    Raises:
        InputError: missing, damaged, of another kind of model, or out of range.
    """
    path = folder / CONFIG_FILE
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read; give a folder written by save_pretrained") from error
    if not isinstance(values, dict) or values.pop("model_type", None) != MODEL_TYPE:
        raise InputError(f"{path}: these are not the settings of a masked generator")
    try:
        return GeneratorConfig.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"{path}: {'.'.join(map(str, first['loc'])) or 'settings'}: {first['msg']}") from error


def load_weights(folder: Path, model: nn.Module) -> None:
    """Fill `model` from `model.safetensors`, every tensor by name and shape.

    Raises:
        InputError: missing or damaged, or made with other settings.
    """
    path = folder / WEIGHTS_FILE
    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise InputError(
            f"{path}: does not fit {CONFIG_FILE} beside it ({str(error).splitlines()[-1].strip()})"
        ) from error
