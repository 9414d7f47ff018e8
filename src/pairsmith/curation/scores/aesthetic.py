"""Aesthetic score: a small head on a CLIP model's picture features of length 1, in LAION's two formats.

One linear layer (`weight`, `bias`: LAION-Aesthetics V1) or a chain of them without activations between (`layers.0 ...
layers.7`: the improved predictor, which was trained with dropout alone). The head belongs to its CLIP model: both
published ones are for OpenAI's ViT-L/14.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from pairsmith.curation.encoders import SharedModels
from pairsmith.curation.score import Batch, View
from pairsmith.errors import InputError
from pairsmith.settings import Settings

if TYPE_CHECKING:
    import torch

_LAYER = re.compile(r"(?:(.*)\.)?(weight|bias)$")


class AestheticSettings(Settings):
    """Which head on which model."""

    model: str = Field(default="ViT-L-14-quickgelu:openai", description="open_clip model that the head was trained on")
    head: str = Field(default="", description="file of the head's weights: .pth or .safetensors, LAION's format")


class Aesthetic:
    """Aesthetic score of pictures, about 1 to 10."""

    def __init__(self, settings: AestheticSettings, models: SharedModels) -> None:
        self._settings = settings
        self._encoder = models.encoder(settings.model)
        self._layers: list[tuple[torch.Tensor, torch.Tensor]] = []

    def describe(self) -> dict[str, Any]:
        """The model, and the head by its file's SHA-256.

        Raises:
            InputError: no file is named, or there is none.
        """
        try:
            digest = hashlib.sha256(_head_file(self._settings.head).read_bytes()).hexdigest()
        except OSError as error:
            raise InputError(f"{self._settings.head}: cannot be read ({error.strerror})") from error
        return {"score": "aesthetic", "model": self._settings.model, "head_sha256": digest}

    def load(self) -> None:
        """Load model and head."""
        self._encoder.load()
        self._layers = load_head(_head_file(self._settings.head))

    def views(self) -> Mapping[str, View]:
        """What the model sees."""
        return self._encoder.views()

    def compute(self, batch: Batch) -> np.ndarray:
        """float64 [B].

        Raises:
            InputError: the head wants features of another width.
        """
        features = self._encoder.picture_features(batch)
        wanted = self._layers[0][0].shape[1]
        if features.shape[1] != wanted:
            raise InputError(
                f"{self._settings.head} is for features of width {wanted}, but {self._settings.model} gives "
                f"{features.shape[1]}: name the model that the head was trained on"
            )
        for weight, bias in self._layers:
            features = features @ weight.to(features.device).T + bias.to(features.device)
        return features[:, 0].double().cpu().numpy()


def load_head(path: Path) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The head's layers, first to last: weights [out, in] and biases [out], the last with one output.

    Raises:
        InputError: unreadable, or not a chain of linear layers.
    """
    import torch
    from safetensors.torch import load_file

    try:
        state = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except Exception as error:  # torch raises whatever its reader stumbles over
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: cannot be read as weights ({reason})") from error
    layers: dict[str, dict[str, torch.Tensor]] = {}
    for key, tensor in state.items() if isinstance(state, Mapping) else ():
        found = _LAYER.fullmatch(str(key))
        if found is None or not isinstance(tensor, torch.Tensor):
            raise InputError(f"{path}: {key!r} is no part of a chain of linear layers")
        layers.setdefault(found[1] or "", {})[found[2]] = tensor.float()
    order = sorted(layers, key=lambda name: [int(number) for number in re.findall(r"\d+", name)])
    chain = [(layers[name].get("weight"), layers[name].get("bias")) for name in order]
    width: int | None = None
    for weight, bias in chain:
        fits = weight is not None and bias is not None and weight.ndim == 2 and bias.shape == weight.shape[:1]
        if not fits or (width is not None and weight.shape[1] != width):  # type: ignore[union-attr]
            raise InputError(f"{path}: its tensors are no chain of linear layers with weights and biases")
        width = len(bias)  # type: ignore[arg-type]
    if width != 1:
        raise InputError(f"{path}: a head ends in one number, this one in {width or 'none'}")
    return chain  # type: ignore[return-value]


def _head_file(name: str) -> Path:
    if not name:
        raise InputError("the aesthetic score needs a head: --set aesthetic.head=FILE")
    return Path(name)
