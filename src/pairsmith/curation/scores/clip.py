"""CLIPScore (Hessel et al., 2021): w max(cos(picture, prefix + caption), 0), its parts all explicit.

SynthVLM adds the plain cosine (w = 1) to half the SSIM: 0.36 + 0.5 * 0.86 = 0.79 are its published means. Hessel's own
scale is w = 2.5. The scale matters wherever scores are added.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from pydantic import Field

from pairsmith.curation.encoders import PictureEncoder, SharedModels
from pairsmith.curation.score import Batch, ScoreFailures, View
from pairsmith.evaluation.image_text.clipscore import PREFIX
from pairsmith.settings import Settings


class ClipSettings(Settings):
    """What CLIPScore depends on."""

    model: str = Field(
        default="ViT-B-32-quickgelu:openai",
        description="open_clip model: a folder, ARCHITECTURE:WEIGHTS or hf-hub:ID; ViT-B/32 of OpenAI as published",
    )
    prefix: str = Field(default=PREFIX, description="put before every caption")
    weight: float = Field(default=1.0, gt=0, description="w: 1 is the cosine (SynthVLM), 2.5 is Hessel's scale")
    clip_at_zero: bool = Field(default=True, description="whether negative cosines count as 0")
    too_long: Literal["cut", "fail"] = Field(
        default="cut", description="captions beyond the model's context: cut to it, or fail with a reason"
    )


class ClipScore:
    """CLIPScore of pairs."""

    def __init__(self, settings: ClipSettings, models: SharedModels) -> None:
        self._settings = settings
        self._encoder: PictureEncoder = models.encoder(settings.model)

    def describe(self) -> dict[str, Any]:
        """The settings."""
        return {"score": "clip", **self._settings.to_dict()}

    def load(self) -> None:
        """Load the model."""
        self._encoder.load()

    def views(self) -> Mapping[str, View]:
        """What the model sees."""
        return self._encoder.views()

    def compute(self, batch: Batch) -> np.ndarray:
        """float64 [B].

        Raises:
            ScoreFailures: captions without text, or too long where that is not allowed.
        """
        texts = [self._settings.prefix + caption for caption in batch.captions]
        seen = self._encoder.picture_features(batch).cpu().double()
        said = self._encoder.text_features(texts).cpu().double()
        cosines = (seen * said).sum(dim=1).numpy()
        values = self._settings.weight * (np.maximum(cosines, 0) if self._settings.clip_at_zero else cosines)
        reasons = {at: "the caption is empty" for at, caption in enumerate(batch.captions) if not caption.strip()}
        if self._settings.too_long == "fail":
            for at, text in enumerate(texts):
                if self._encoder.too_long(text):
                    reasons.setdefault(at, "the caption is longer than the model's context")
        if reasons:
            raise ScoreFailures(values, reasons)
        return values
