"""Image-text matching: the probability that picture and caption belong together, from BLIP's cross-attending head.

Unlike a cosine, the caption's words attend to the picture's patches. SynthVLM's caption filter asks blip-itm-base-coco
for at least 0.8.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image
from pydantic import Field

from pairsmith.curation.encoders import SharedModels
from pairsmith.curation.score import Batch, ScoreFailures, View
from pairsmith.curation.transformers_models import load_parts, pixel_view
from pairsmith.settings import Settings


class ItmSettings(Settings):
    """Which model."""

    model: str = Field(default="Salesforce/blip-itm-base-coco", description="BLIP ITM model: a folder or hub id")
    revision: str | None = Field(default=None, description="branch, tag or commit on the hub")
    max_tokens: int = Field(default=35, ge=3, description="tokens after which captions are cut")


class ImageTextMatching:
    """BLIP's matching probability, 0 to 1."""

    def __init__(self, settings: ItmSettings, models: SharedModels) -> None:
        self._settings, self._device = settings, models.device
        self._model: Any = None
        self._tokenizer: Any = None
        self._pixels: View = np.asarray

    def describe(self) -> dict[str, Any]:
        """The settings."""
        return {"score": "itm", **self._settings.to_dict()}

    def load(self) -> None:
        """Load the model, its tokenizer and its picture transform."""
        from transformers import AutoImageProcessor, AutoTokenizer, BlipForImageTextRetrieval

        if self._model is None:
            source, revision = self._settings.model, self._settings.revision
            model, self._tokenizer, processor = load_parts(
                source, revision, BlipForImageTextRetrieval, AutoTokenizer, AutoImageProcessor
            )
            self._model = model.eval().to(self._device)
            self._pixels = pixel_view(processor)

    def views(self) -> Mapping[str, View]:
        """What the model sees."""
        return {self._name: self._view}

    def compute(self, batch: Batch) -> np.ndarray:
        """float64 [B].

        Raises:
            ScoreFailures: captions without text.
        """
        import torch

        pixels = torch.from_numpy(np.stack(batch.views[self._name])).to(self._device)
        words = self._tokenizer(
            batch.captions, padding=True, truncation=True, max_length=self._settings.max_tokens, return_tensors="pt"
        ).to(self._device)
        with torch.inference_mode():
            logits = self._model(
                input_ids=words["input_ids"], attention_mask=words["attention_mask"], pixel_values=pixels
            ).itm_score  # [B, 2]
        values = logits.double().softmax(dim=-1)[:, 1].cpu().numpy()
        reasons = {at: "the caption is empty" for at, caption in enumerate(batch.captions) if not caption.strip()}
        if reasons:
            raise ScoreFailures(values, reasons)
        return values

    @property
    def _name(self) -> str:
        return f"itm {self._settings.model} {self._settings.revision}"

    def _view(self, picture: Image.Image) -> Any:
        return self._pixels(picture)
