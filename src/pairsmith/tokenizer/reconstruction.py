"""Pixel distance, and the map that makes it weigh edges more."""

from __future__ import annotations

from typing import Literal

from torch import Tensor
from torch.nn import functional

_EDGE_WINDOW = 5  # pixels a side: an edge counts up to two pixels away


def edge_map(pixels: Tensor) -> Tensor:
    """Contrast around each pixel: [B, 3, H, W] in [0, 1] -> [B, 1, H, W] in [0, 1].

    The largest over the channels of (maximum - minimum) in a 5x5 window: 0 in flat areas, 1 beside a black-white edge.
    """
    return (_window_maximum(pixels) + _window_maximum(-pixels)).amax(1, keepdim=True)


def _window_maximum(values: Tensor) -> Tensor:
    """Largest value around each pixel: first along rows, then columns, at less than half the cost of the square."""
    half = _EDGE_WINDOW // 2
    rows = functional.max_pool2d(values, (1, _EDGE_WINDOW), stride=1, padding=(0, half))
    return functional.max_pool2d(rows, (_EDGE_WINDOW, 1), stride=1, padding=(half, 0))


def reconstruction_loss(
    reconstruction: Tensor, pixels: Tensor, kind: Literal["l1", "l2"] = "l1", edge_weight: float = 0.0
) -> Tensor:
    """Mean of (1 + edge_weight * edge_map(pixels)) * distance, a scalar.

    The weights are not normalised over the batch, so the loss of a batch is the mean of the losses of its pictures.
    Small shapes are a small share of all pixels: without the weight they blur first.
    """
    difference = reconstruction.float() - pixels
    distance = difference.abs() if kind == "l1" else difference.square()  # [B, 3, H, W]
    if edge_weight:
        distance = distance * (1.0 + edge_weight * edge_map(pixels))
    return distance.mean()
