"""A perceptual hash of 64 bits: the signs of the lowest frequencies of a small grey copy, about their median.

As the `phash` of ImageHash: 32 x 32 pixels (Lanczos), discrete cosine transform, the 8 x 8 lowest frequencies. Equal
pictures at other sizes or compressions differ in few bits; unrelated ones in about 32.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

HASH_BITS = 64
_SIDE = 32
_LOW = 8


def perceptual_hash(picture: Image.Image) -> np.ndarray:
    """uint8 [8]: one byte a row of frequencies."""
    from scipy.fft import dct

    grey = np.asarray(picture.convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS), np.float64)
    low = dct(dct(grey, axis=0), axis=1)[:_LOW, :_LOW]
    return np.packbits(low > np.median(low), axis=1)[:, 0]
