"""Near-duplicates: how far a picture is from the first one of its kind, and which one that is.

The score is 1 for a picture that no earlier one is near, and the distance to the earlier one otherwise: the part of
the 64 hash bits that differ, or 1 - cosine of the features. So `near_duplicate > 0.5` keeps the first of each kind, and
the column `twin` lets a selection keep the best of each kind instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import Field

from pairsmith.curation.duplicates import hash_twins
from pairsmith.curation.encoders import SharedModels
from pairsmith.curation.perceptual_hash import HASH_BITS, perceptual_hash
from pairsmith.curation.score import Batch, Concluded, View
from pairsmith.settings import Settings
from pairsmith.vector_twins import vector_twins

_VIEW = "perceptual hash"


class NearDuplicateSettings(Settings):
    """What counts as near."""

    by: Literal["hash", "embedding"] = Field(default="hash", description="perceptual hash, or a model's features")
    most_bits: int = Field(default=6, ge=0, le=15, description="hash: differing bits of 64 up to which two are near")
    cosine: float = Field(default=0.95, gt=0, le=1, description="embedding: cosine from which two are near")
    model: str = Field(
        default="ViT-B-32-quickgelu:openai", description="embedding: open_clip model, as for the score clip"
    )


class NearDuplicate:
    """Distance of pictures to the first of their kind."""

    def __init__(self, settings: NearDuplicateSettings, models: SharedModels) -> None:
        self._settings = settings
        self._encoder = models.encoder(settings.model) if settings.by == "embedding" else None

    def describe(self) -> dict[str, Any]:
        """The settings that matter for the way of comparing."""
        names = ("most_bits",) if self._encoder is None else ("cosine", "model")
        values = self._settings.to_dict()
        return {"score": "near_duplicate", "by": values["by"], **{name: values[name] for name in names}}

    def load(self) -> None:
        """Load the model, where there is one."""
        if self._encoder is not None:
            self._encoder.load()

    def views(self) -> Mapping[str, View]:
        """The hash, or what the model sees."""
        return {_VIEW: perceptual_hash} if self._encoder is None else self._encoder.views()

    def compute(self, batch: Batch) -> np.ndarray:
        """uint8 [B, 8] hashes, or float32 [B, D] features."""
        if self._encoder is None:
            return np.stack(batch.views[_VIEW])
        return self._encoder.picture_features(batch).cpu().numpy()

    def conclude(self, ids: Sequence[str], rows: np.ndarray) -> Concluded:
        """Compare all rows."""
        if not len(rows):
            return Concluded(np.zeros(0), np.zeros(0, np.int64))
        if self._encoder is None:
            twins, bits = hash_twins(rows, self._settings.most_bits)
            distances = bits / HASH_BITS
        else:
            twins, cosines = vector_twins(rows, self._settings.cosine)
            distances = np.maximum(1.0 - cosines, 0.0)
        return Concluded(np.where(twins == np.arange(len(rows)), 1.0, distances), twins)
