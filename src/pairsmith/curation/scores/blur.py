"""Sharpness as the variance of the Laplacian: low for blurred or empty pictures.

Kernel (0 1 0, 1 -4 1, 0 1 0) on the grey picture, borders mirrored without their outermost line, as OpenCV's
`Laplacian` does. It grows with contrast and depends on the size, so pictures of one `side` can be compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image
from pydantic import Field

from pairsmith.curation.encoders import SharedModels
from pairsmith.curation.score import Batch, View
from pairsmith.errors import InputError
from pairsmith.settings import Settings


class BlurSettings(Settings):
    """At which size sharpness is measured."""

    side: int | None = Field(
        default=None, ge=2, description="pictures are resized (bilinear) to this longer side; null: as they are"
    )


class Sharpness:
    """Variance of the Laplacian of pictures, in squared grey levels (0 to 255)."""

    def __init__(self, settings: BlurSettings, models: SharedModels) -> None:
        self._settings = settings

    def describe(self) -> dict[str, Any]:
        """The settings."""
        return {"score": "blur", **self._settings.to_dict()}

    def load(self) -> None:
        """Nothing to load."""

    def views(self) -> Mapping[str, View]:
        """The number itself: it is cheap, and pictures differ in size."""
        return {self._view: self._measure}

    def compute(self, batch: Batch) -> np.ndarray:
        """float64 [B]."""
        return np.array(batch.views[self._view], np.float64)

    @property
    def _view(self) -> str:
        return f"sharpness {self._settings.side}"

    def _measure(self, picture: Image.Image) -> float:
        if self._settings.side is not None:
            scale = self._settings.side / max(picture.size)
            size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
            picture = picture.resize(size, Image.Resampling.BILINEAR)
        return laplacian_variance(np.asarray(picture.convert("L")))


def laplacian_variance(grey: np.ndarray) -> float:
    """The variance of the Laplacian of a grey picture, uint8 [H, W].

    Raises:
        InputError: a picture of less than 2 x 2 pixels.
    """
    if min(grey.shape) < 2:
        raise InputError(f"a picture of {grey.shape[1]} x {grey.shape[0]} pixels has no sharpness")
    framed = np.pad(grey.astype(np.int32), 1, mode="reflect")
    around = framed[:-2, 1:-1] + framed[2:, 1:-1] + framed[1:-1, :-2] + framed[1:-1, 2:]
    return float((around - 4 * framed[1:-1, 1:-1]).var())
