"""SynthVLM's self-SSIM: a picture against itself after the way through the VLM's input size and back.

The picture is resized to `base` x `base`, that to the VLM's `size` x `size`, that back to `base`; the first and the
last are made grey and compared (the published selection code: 768, 336, bilinear). It rewards pictures that lose little
to the VLM's resolution, so smooth ones; it is no measure of fidelity.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from PIL import Image
from pydantic import Field

from pairsmith.curation.encoders import SharedModels
from pairsmith.curation.score import Batch, View
from pairsmith.curation.structural_similarity import byte_ssim
from pairsmith.settings import Settings

_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


class SsimSettings(Settings):
    """What self-SSIM depends on."""

    size: int = Field(default=336, ge=1, description="pixels a side of the VLM's input")
    base: int | None = Field(
        default=768, ge=7, description="pixels a side at which pictures are compared; null: each at its own size"
    )
    filter: Literal["bilinear", "bicubic"] = Field(default="bilinear", description="of all resizing (antialiased)")


class SelfSsim:
    """Self-SSIM of pictures."""

    def __init__(self, settings: SsimSettings, models: SharedModels) -> None:
        self._settings, self._device = settings, models.device

    def describe(self) -> dict[str, Any]:
        """The settings."""
        return {"score": "ssim", **self._settings.to_dict()}

    def load(self) -> None:
        """Nothing to load."""

    def views(self) -> Mapping[str, View]:
        """The two grey pictures."""
        return {self._view: self._two_pictures}

    def compute(self, batch: Batch) -> np.ndarray:
        """float64 [B]; pictures of one size are compared together."""
        import torch

        values = np.zeros(len(batch))
        pairs = batch.views[self._view]
        sizes: dict[tuple[int, ...], list[int]] = {}
        for at, pair in enumerate(pairs):
            sizes.setdefault(pair.shape, []).append(at)
        for rows in sizes.values():
            both = torch.from_numpy(np.stack([pairs[at] for at in rows])).to(self._device)  # [b, 2, H, W]
            values[rows] = byte_ssim(both[:, 0], both[:, 1]).cpu().numpy()
        return values

    @property
    def _view(self) -> str:
        return f"ssim {self._settings.base} {self._settings.size} {self._settings.filter}"

    def _two_pictures(self, picture: Image.Image) -> np.ndarray:
        """uint8 [2, H, W]: before and after."""
        filter_ = _FILTERS[self._settings.filter]
        base, size = self._settings.base, self._settings.size
        before = picture if base is None else picture.resize((base, base), filter_)
        after = before.resize((size, size), filter_).resize(before.size, filter_)
        return np.stack([np.asarray(before.convert("L")), np.asarray(after.convert("L"))])
