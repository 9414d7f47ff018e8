"""How unsafe a picture looks: a classifier's probability, or the margin of Stable Diffusion's safety checker.

No model is chosen for you, since each has its own idea of what is unsafe; name one, and read the score as its opinion.
A picture classifier (any of `transformers`) gives the summed probability of the labels named unsafe. The safety checker
gives max over its concepts of (cosine - threshold + adjustment): above 0 it calls a picture unsafe.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydantic import Field

from pairsmith.curation.encoders import SharedModels
from pairsmith.curation.score import Batch, View
from pairsmith.curation.transformers_models import load_parts, pixel_view
from pairsmith.errors import InputError
from pairsmith.settings import Settings

_CHECKER = "StableDiffusionSafetyChecker"
_SPECIAL_CARE = 0.01  # added to every concept's margin once a special-care concept is near
_FILES = ["config.json", "preprocessor_config.json", "model.safetensors"]


class NsfwSettings(Settings):
    """Which model, and what it calls unsafe."""

    model: str = Field(default="", description="picture classifier or safety checker: a folder or hub id")
    revision: str | None = Field(default=None, description="branch, tag or commit on the hub")
    labels: tuple[str, ...] = Field(
        default=("nsfw",), description="a classifier's labels that are unsafe, in any case; the checker has none"
    )


class Nsfw:
    """Unsafety of pictures: higher is less safe."""

    def __init__(self, settings: NsfwSettings, models: SharedModels) -> None:
        self._settings, self._device = settings, models.device
        self._score: Any = None
        self._pixels: View = np.asarray

    def describe(self) -> dict[str, Any]:
        """The settings.

        Raises:
            InputError: no model is named.
        """
        if not self._settings.model:
            raise InputError("the score nsfw needs a model of your choice: --set nsfw.model=FOLDER")
        return {"score": "nsfw", **self._settings.to_dict()}

    def load(self) -> None:
        """Load the model and its picture transform."""
        if self._score is not None:
            return
        from transformers import AutoImageProcessor, CLIPImageProcessor

        from pairsmith.model_folder import find_folder

        source, revision = self._settings.model, self._settings.revision
        folder = find_folder(source, revision, "a picture classifier", _FILES)
        try:
            kinds = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("architectures") or []
        except (OSError, ValueError, AttributeError) as error:
            raise InputError(f"{folder / 'config.json'}: cannot be read as a model's settings") from error
        if _CHECKER in kinds:
            self._score = SafetyChecker.from_folder(folder, self._device)
            (processor,) = load_parts(str(folder), None, CLIPImageProcessor)
        else:
            self._score = _Classifier(str(folder), self._settings.labels, self._device)
            (processor,) = load_parts(str(folder), None, AutoImageProcessor)
        self._pixels = pixel_view(processor)

    def views(self) -> Mapping[str, View]:
        """What the model sees."""
        return {self._name: self._view}

    def compute(self, batch: Batch) -> np.ndarray:
        """float64 [B]."""
        import torch

        pixels = torch.from_numpy(np.stack(batch.views[self._name])).to(self._device)
        with torch.inference_mode():
            return self._score(pixels).double().cpu().numpy()

    @property
    def _name(self) -> str:
        return f"nsfw {self._settings.model} {self._settings.revision}"

    def _view(self, picture: Image.Image) -> Any:
        return self._pixels(picture)


class _Classifier:
    """Summed probability of the unsafe labels."""

    def __init__(self, source: str, labels: tuple[str, ...], device: str) -> None:
        from transformers import AutoModelForImageClassification

        (model,) = load_parts(source, None, AutoModelForImageClassification)
        self._model = model.eval().to(device)
        known = {str(name).lower(): int(number) for number, name in model.config.id2label.items()}
        absent = [label for label in labels if label.lower() not in known]
        if absent or not labels:
            raise InputError(
                f"model {source} has no label {', '.join(map(repr, absent)) or 'named'}; it has "
                f"{', '.join(known)}: name the unsafe ones with --set nsfw.labels=[...]"
            )
        self._numbers = sorted({known[label.lower()] for label in labels})

    def __call__(self, pixels: Any) -> Any:
        """[B, 3, H, W] -> [B]."""
        return self._model(pixel_values=pixels).logits.double().softmax(dim=-1)[:, self._numbers].sum(dim=-1)


class SafetyChecker:
    """Stable Diffusion's safety checker as a number instead of a verdict.

    Args:
        vision: `CLIPVisionModelWithProjection`, in eval mode.
        concepts, special: features of the unsafe and of the special-care concepts, [C, D] and [S, D].
        thresholds, special_thresholds: cosines from which a concept counts, [C] and [S].
    """

    def __init__(self, vision: Any, concepts: Any, special: Any, thresholds: Any, special_thresholds: Any) -> None:
        self._vision, self._concepts, self._special = vision, concepts, special
        self._thresholds, self._special_thresholds = thresholds, special_thresholds

    @classmethod
    def from_folder(cls, folder: Path, device: str) -> SafetyChecker:
        """From a folder as `diffusers` saves the checker.

        Raises:
            InputError: missing or other tensors.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file
        from transformers import CLIPConfig, CLIPVisionModelWithProjection

        try:
            config = CLIPConfig.from_pretrained(folder)
            state = load_file(folder / "model.safetensors", device=device)
            names = ("concept_embeds", "special_care_embeds", "concept_embeds_weights", "special_care_embeds_weights")
            rest = [state.pop(name).float() for name in names]
        except (OSError, SafetensorError, KeyError) as error:
            raise InputError(f"{folder}: is no safety checker with model.safetensors ({error})") from error
        sizes: Any = config.vision_config
        sizes.projection_dim = config.projection_dim
        vision = CLIPVisionModelWithProjection(sizes).eval().to(device)
        found = {name.replace("vision_model.vision_model.", "vision_model.", 1): value for name, value in state.items()}
        missing, strange = vision.load_state_dict(found, strict=False)
        if [name for name in [*missing, *strange] if not name.endswith("position_ids")]:
            raise InputError(f"{folder}: the safety checker's tensors do not fit its settings")
        return cls(vision, *rest)

    def __call__(self, pixels: Any) -> Any:
        """[B, 3, H, W] -> margins [B]; above 0 is unsafe."""
        from torch.nn.functional import normalize

        features = normalize(self._vision(pixel_values=pixels).image_embeds)
        special = features @ normalize(self._special).T - self._special_thresholds  # [B, S]
        near = (special.double() * 1000).round() > 0  # the checker rounds to three places before it judges
        adjust = near.any(dim=1, keepdim=True).double() * _SPECIAL_CARE
        margins = (features @ normalize(self._concepts).T - self._thresholds).double() + adjust  # [B, C]
        return (margins * 1000).round().amax(dim=1) / 1000
