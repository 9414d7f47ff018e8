"""SSIM of grey bytes for many pictures at once: the mean over all whole windows of 7 x 7 pixels, equal weights.

Wang et al. (2004) with K1 = 0.01, K2 = 0.03, a data range of 255 and sample covariances: what scikit-image computes by
default and what the published selection of SynthVLM uses. Bytes make all window sums whole numbers, so they are added
exactly in 32 bits, and only the final quotient is rounded: equal to a computation in double precision within 1e-7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pairsmith.errors import InputError

if TYPE_CHECKING:
    import torch

WINDOW = 7  # pixels a side
_N = WINDOW * WINDOW
# (K 255)^2, times what the whole-number forms of means and covariances leave out.
_C1 = (0.01 * 255) ** 2 * _N**2
_C2 = (0.03 * 255) ** 2 * _N * (_N - 1)
_STRIP = 1 << 17  # values at a time on a processor, so that they stay in its cache
_STRIP_GPU = 1 << 24


def byte_ssim(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """SSIM of each pair of pictures, float64 [B].

    Args:
        first, second: grey pictures, uint8 [B, H, W].

    Raises:
        InputError: not bytes, shapes that differ, or pictures smaller than the window.
    """
    import torch

    if first.shape != second.shape or first.ndim != 3 or first.dtype != torch.uint8 or second.dtype != torch.uint8:
        raise InputError(
            f"SSIM compares grey bytes [B, H, W] of one shape, not {first.dtype} {list(first.shape)} and "
            f"{second.dtype} {list(second.shape)}"
        )
    batch, height, width = first.shape
    if min(height, width) < WINDOW:
        raise InputError(f"SSIM needs pictures of at least {WINDOW} x {WINDOW} pixels, not {width} x {height}")
    total = torch.zeros(batch, dtype=torch.float64, device=first.device)
    rows = max(1, (_STRIP if first.device.type == "cpu" else _STRIP_GPU) // (batch * width))
    places = height - WINDOW + 1
    for start in range(0, places, rows):
        lines = min(rows, places - start) + WINDOW - 1
        strip = _window_values(first.narrow(1, start, lines).int(), second.narrow(1, start, lines).int())
        total += strip.flatten(1).sum(dim=1, dtype=torch.float64)
    return total / (places * (width - WINDOW + 1))


def _window_values(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The value at every window, float32 [B, H - 6, W - 6]; int32 [B, H, W] in."""
    sum_x, sum_y = _window_sums(x), _window_sums(y)
    squares, product = _window_sums(x * x + y * y), _window_sums(x * y)
    means = sum_x * sum_y
    mean_squares = sum_x * sum_x + sum_y * sum_y
    covariance = (_N * product - means) * 2
    variances = _N * squares - mean_squares
    above = ((means * 2).float() + _C1) * (covariance.float() + _C2)
    return above / ((mean_squares.float() + _C1) * (variances.float() + _C2))


def _window_sums(values: torch.Tensor) -> torch.Tensor:
    """Sums over all windows, by sums of 2, of 4, and of 4 + 2 + 1 neighbours."""
    for axis in (2, 1):
        size = values.shape[axis]
        twos = values.narrow(axis, 0, size - 1) + values.narrow(axis, 1, size - 1)
        fours = twos.narrow(axis, 0, size - 3) + twos.narrow(axis, 2, size - 3)
        whole = size - WINDOW + 1
        values = fours.narrow(axis, 0, whole) + twos.narrow(axis, 4, whole) + values.narrow(axis, 6, whole)
    return values
