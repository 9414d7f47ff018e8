"""Spectra: pictures of known spectrum, invariances, and what has none."""

from __future__ import annotations

import numpy as np
import pytest

from pairsmith.errors import InputError
from pairsmith.evaluation.images.spectrum import azimuthal_spectrum, spectra, spectral_gap


def _coloured_noise(exponent: float, seed: int, size: int = 64) -> np.ndarray:
    """A grey picture whose power falls off as frequency ** -exponent."""
    steps = np.fft.fftfreq(size)
    frequency = np.hypot(steps[:, None], steps)
    frequency[0, 0] = 1
    noise = np.fft.fft2(np.random.default_rng(seed).normal(size=(size, size)))
    return np.fft.ifft2(noise * frequency ** (-exponent / 2)).real


@pytest.mark.parametrize("exponent", [0.0, 2.0, 3.0])
def test_the_slope_is_that_of_the_noise(exponent: float) -> None:
    found = spectra([_coloured_noise(exponent, seed) for seed in range(30)])
    assert found.log_power.shape == (30, 32)
    assert found.frequencies[-1] == 0.5
    middle = slice(3, 28)  # the window and the corners bend the ends
    slope = np.polyfit(np.log10(found.frequencies[middle]), found.mean[middle], 1)[0]
    assert slope == pytest.approx(-exponent, abs=0.25)
    assert found.slope() == pytest.approx(-exponent, abs=0.5)


def test_a_wave_has_its_peak_at_its_frequency_in_any_direction() -> None:
    steps = np.arange(64)
    across = np.sin(2 * np.pi * 8 / 64 * steps)[None].repeat(64, axis=0)
    for picture in (across, across.T):
        assert azimuthal_spectrum(picture).argmax() == 7  # ring 8
    np.testing.assert_allclose(azimuthal_spectrum(across), azimuthal_spectrum(across.T), atol=1e-6)


def test_brightness_contrast_and_colour_channels_do_not_matter() -> None:
    picture = _coloured_noise(2, 0)
    np.testing.assert_allclose(azimuthal_spectrum(5 * picture + 3), azimuthal_spectrum(picture), atol=1e-6)
    np.testing.assert_allclose(azimuthal_spectrum(np.stack([picture] * 3)), azimuthal_spectrum(picture), atol=1e-6)


def test_the_gap_is_zero_for_the_same_and_grows_with_the_slope() -> None:
    real = spectra([_coloured_noise(2, seed) for seed in range(20)])
    same = spectral_gap(real, spectra([_coloured_noise(2, seed) for seed in range(100, 120)]))
    other = spectral_gap(real, spectra([_coloured_noise(1, seed) for seed in range(200, 220)]))
    assert 0 < same < 0.2 * other
    assert spectral_gap(real, real) == 0


def test_what_has_no_spectrum_is_named() -> None:
    assert azimuthal_spectrum(np.full((3, 8, 8), 0.3)) is None
    with pytest.raises(InputError, match="one colour"):
        spectra([np.ones((8, 8))])
    with pytest.raises(InputError, match="square picture"):
        azimuthal_spectrum(np.ones((8, 9)))
    with pytest.raises(InputError, match="NaN"):
        azimuthal_spectrum(np.full((8, 8), np.nan))
    with pytest.raises(InputError, match=r"one size, not \[8, 16\]"):
        spectra([_coloured_noise(0, 0, 8), _coloured_noise(0, 0, 16)])
    with pytest.raises(InputError, match="no pictures"):
        spectra([])
    with pytest.raises(InputError, match="different sizes"):
        spectral_gap(spectra([_coloured_noise(0, 0, 8)]), spectra([_coloured_noise(0, 0, 16)]))


def test_pictures_of_one_colour_are_left_out_and_counted() -> None:
    pictures = [_coloured_noise(2, seed) for seed in range(3)]
    found = spectra([pictures[0], np.full((64, 64), 0.3), *pictures[1:]])
    assert found.flat == 1
    np.testing.assert_array_equal(found.log_power, spectra(pictures).log_power)
