"""Azimuthal power spectra: how much of a picture's energy lies at which frequency, whatever the direction.

Generators leave marks there: real pictures fall off like 1/f², upsampling adds too much or too little at the high end.
A picture is made grey, its mean is taken off, a Hann window fades its edges; the squared magnitudes of its Fourier
transform are divided by the largest, averaged over rings of one frequency and put on a log scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pairsmith.errors import InputError

_LUMA = np.array([0.299, 0.587, 0.114])  # of red, green, blue (ITU-R BT.601)
_FLOOR = 1e-12  # of a share of the largest power: below it is rounding


@dataclass(frozen=True)
class Spectra:
    """Spectra of a set of pictures.

    Attributes:
        frequencies: cycles per pixel, [F], above 0 and up to 0.5.
        log_power: log10 of the mean share of the largest power on each ring, [N, F].
        flat: pictures that were left out, being of one colour.
    """

    frequencies: NDArray[np.float64]
    log_power: NDArray[np.float64]
    flat: int = 0

    @property
    def mean(self) -> NDArray[np.float64]:
        """The curve of the set, [F]."""
        return self.log_power.mean(axis=0)

    def slope(self) -> float:
        """Of log power over log frequency, by least squares: about -2 for real pictures, 0 for white noise."""
        return float(np.polyfit(np.log10(self.frequencies), self.mean, 1)[0])


def azimuthal_spectrum(image: ArrayLike) -> NDArray[np.float64] | None:
    """log10 power on rings of one frequency each, [S // 2]; None of a picture of one colour, which has no power.

    Args:
        image: [3, S, S] or [S, S], any scale.

    Raises:
        InputError: another shape, or values that are not finite.
    """
    pixels = np.asarray(image, dtype=np.float64)
    if pixels.ndim == 3 and len(pixels) == 3:
        pixels = np.tensordot(_LUMA, pixels, axes=1)
    if pixels.ndim != 2 or pixels.shape[0] != pixels.shape[1] or len(pixels) < 4:
        raise InputError(f"a spectrum needs a square picture [3, S, S], not shape {np.asarray(image).shape}")
    if not np.isfinite(pixels).all():
        raise InputError("a picture holds NaN or infinity, so it has no spectrum")
    if not np.ptp(pixels) > 0:
        return None
    size = len(pixels)
    window = np.hanning(size)
    power = np.abs(np.fft.fft2((pixels - pixels.mean()) * window[:, None] * window)) ** 2
    rings, counts = _rings(size)
    sums = np.bincount(rings.ravel(), weights=(power / power.max()).ravel())[1 : size // 2 + 1]
    return np.log10(np.maximum(sums / counts, _FLOOR))


def spectra(images: Sequence[ArrayLike]) -> Spectra:
    """Spectra of pictures of one size; those of one colour are counted and left out.

    Raises:
        InputError: no pictures, none but of one colour, pictures of several sizes, or as `azimuthal_spectrum`.
    """
    if not len(images):
        raise InputError("there are no pictures to take spectra of")
    sizes = {np.asarray(image).shape[-1] for image in images}
    if len(sizes) > 1:
        raise InputError(f"spectra need pictures of one size, not {sorted(sizes)}: resize them first")
    size = sizes.pop()
    found = [curve for image in images if (curve := azimuthal_spectrum(image)) is not None]
    if not found:
        raise InputError("all pictures are of one colour, which has no spectrum")
    return Spectra(np.arange(1, size // 2 + 1) / size, np.stack(found), len(images) - len(found))


def spectral_gap(real: Spectra, generated: Spectra) -> float:
    """Mean absolute difference of the two curves in decades of power.

    It has no interval: a distance grows when the pictures are resampled, so that draws of two nearly equal sets lie all
    above the value itself. Two halves of the real pictures tell what their number alone makes of it.

    Raises:
        InputError: spectra of pictures of different sizes.
    """
    if real.log_power.shape[1] != generated.log_power.shape[1]:
        raise InputError("spectra of pictures of different sizes cannot be compared: resize them first")
    return float(np.abs(generated.mean - real.mean).mean())


@lru_cache(maxsize=8)
def _rings(size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The ring (rounded frequency times size) of each place of the transform [S, S], and the places of each ring."""
    steps = np.fft.fftfreq(size) * size
    rings = np.rint(np.hypot(steps[:, None], steps)).astype(np.int64)
    return rings, np.bincount(rings.ravel())[1 : size // 2 + 1]
