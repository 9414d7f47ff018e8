"""Random crops of pictures as CLIP training takes them: one part of the area, one aspect ratio, resized to a square.

The parameters follow torchvision's RandomResizedCrop; they are drawn from a generator of the picture's own, not from a
global one, so that a batch is the same whoever makes it and whenever.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image
from pydantic import Field

from pairsmith.pairs.images import decode_image
from pairsmith.settings import Settings

Box = tuple[float, float, float, float]
_TRIES = 10


class CropSettings(Settings):
    """Which part of a picture is seen."""

    area: tuple[float, float] = Field(
        default=(0.5, 1.0), description="smallest and largest part of the area; (1, 1): always the centred square"
    )
    ratio: tuple[float, float] = Field(default=(3 / 4, 4 / 3), description="smallest and largest width over height")

    @property
    def fixed(self) -> bool:
        """Whether a picture is seen alike each time."""
        return self.area == (1.0, 1.0)


def crop_box(width: int, height: int, settings: CropSettings, rng: np.random.Generator) -> Box:
    """A part of a picture: left, top, right, bottom in pixels.

    Where no crop of the area and ratio drawn fits in ten tries, the largest centred one whose ratio is allowed.
    """
    low, high = settings.ratio
    if not settings.fixed:
        for _ in range(_TRIES):
            area = width * height * rng.uniform(*settings.area)
            ratio = math.exp(rng.uniform(math.log(low), math.log(high)))
            across, down = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < across <= width and 0 < down <= height:
                left, top = int(rng.integers(width - across + 1)), int(rng.integers(height - down + 1))
                return left, top, left + across, top + down
        across, down = min(width, round(height * high)), min(height, round(width / low))
    else:
        across = down = min(width, height)
    margins = (width - across) / 2, (height - down) / 2
    return margins[0], margins[1], margins[0] + across, margins[1] + down


def cropped_pixels(
    data: bytes, size: int, settings: CropSettings, rng: np.random.Generator, interpolation: str = "bilinear"
) -> np.ndarray:
    """An encoded picture's crop, uint8 [3, size, size].

    Raises:
        InputError: as `decode_image`.
    """
    image = decode_image(data)
    box = crop_box(*image.size, settings, rng)
    if image.size != (size, size) or box != (0, 0, size, size):
        image = image.resize((size, size), Image.Resampling[interpolation.upper()], box=box)
    return np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1))
