"""A picture's features as a vector: what selection for diversity, near-duplicates and maps of a data set look at.

Stored as `embeddings/<name>.parquet`, float32 of length 1; not a score that can be ranked by.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import Field

from pairsmith.curation.encoders import SharedModels
from pairsmith.curation.score import Batch, View
from pairsmith.settings import Settings


class EmbeddingSettings(Settings):
    """Which features."""

    model: str = Field(
        default="ViT-B-32-quickgelu:openai", description="open_clip model: a folder, ARCHITECTURE:WEIGHTS or hf-hub:ID"
    )


class PictureEmbedding:
    """Features of pictures."""

    def __init__(self, settings: EmbeddingSettings, models: SharedModels) -> None:
        self._settings = settings
        self._encoder = models.encoder(settings.model)

    def describe(self) -> dict[str, Any]:
        """The settings."""
        return {"score": "embedding", **self._settings.to_dict()}

    def load(self) -> None:
        """Load the model."""
        self._encoder.load()

    def views(self) -> Mapping[str, View]:
        """What the model sees."""
        return self._encoder.views()

    def compute(self, batch: Batch) -> np.ndarray:
        """float32 [B, D]."""
        return self._encoder.picture_features(batch).cpu().numpy()
