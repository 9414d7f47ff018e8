"""Image features for FID and CMMD with any extractor; none is built in, as the usual ones need downloaded weights.

Resizing is the largest silent error of FID; here it is always Pillow's bicubic filter with antialiasing on float
channels, without rounding to bytes in between (the "clean" variant).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pairsmith.errors import InputError

if TYPE_CHECKING:
    import torch

PixelImage = Image.Image | NDArray[np.uint8] | NDArray[np.float32]


class FeatureExtractor(Protocol):
    """What turns pixels into features."""

    name: str  # network and weights, to be quoted with the score
    size: int  # pixels a side that it wants

    def __call__(self, pixels: torch.Tensor) -> torch.Tensor:
        """[B, 3, size, size] float32 in [0, 1] -> [B, D]."""
        ...


class ModuleExtractor:
    """Any torch module or function as a `FeatureExtractor`.

    Args:
        forward: [B, 3, size, size], normalised with `mean` and `std` -> [B, D], or [B, D, H, W], which is averaged over
            positions. A module should be in eval mode.
        name, size: as in `FeatureExtractor`.
        mean, std: per channel, subtracted and divided by.
        device: where the pixels are sent.
    """

    def __init__(
        self,
        forward: Callable[[torch.Tensor], torch.Tensor],
        name: str,
        size: int,
        mean: tuple[float, float, float] = (0.0, 0.0, 0.0),
        std: tuple[float, float, float] = (1.0, 1.0, 1.0),
        device: str | torch.device = "cpu",
    ) -> None:
        self.name, self.size = name, size
        self._forward, self._mean, self._std, self._device = forward, mean, std, device

    def __call__(self, pixels: torch.Tensor) -> torch.Tensor:
        pixels = pixels.to(self._device)
        mean, std = (pixels.new_tensor(values).view(1, 3, 1, 1) for values in (self._mean, self._std))
        features = self._forward((pixels - mean) / std)
        return features.mean(dim=(2, 3)) if features.ndim == 4 else features  # [B, D]


def tokenizer_extractor(tokenizer: torch.nn.Module, size: int, device: str | torch.device = "cpu") -> ModuleExtractor:
    """Features of a VQ tokenizer: its code vectors averaged over the grid, [B, D].

    Args:
        tokenizer: has `encode(pixels) -> tokens [B, N]` and `embed(tokens) -> [B, N, D]`.
        size: pixels a side that the tokenizer wants.
    """

    def forward(pixels: torch.Tensor) -> torch.Tensor:
        return tokenizer.embed(tokenizer.encode(pixels)).mean(dim=1)  # type: ignore[operator]

    return ModuleExtractor(forward, "tokenizer", size, device=device)


def resize_pixels(image: PixelImage, size: int) -> NDArray[np.float32]:
    """[3, size, size] float32 in [0, 1]: antialiased bicubic, the aspect ratio is not kept (as FID does it).

    Args:
        image: a Pillow image, bytes [H, W, 3], or floats [3, H, W] in [0, 1].
        size: pixels a side.

    Raises:
        InputError: an array of another shape or type.
    """
    if isinstance(image, Image.Image):
        channels = np.moveaxis(np.asarray(image.convert("RGB"), dtype=np.float32), 2, 0)  # [3, H, W] in 0..255
    elif image.ndim == 3 and image.dtype == np.uint8 and image.shape[2] == 3:
        channels = np.moveaxis(image.astype(np.float32), 2, 0)
    elif image.ndim == 3 and np.issubdtype(image.dtype, np.floating) and image.shape[0] == 3:
        channels = image.astype(np.float32) * 255
    else:
        raise InputError(
            f"an image must be a picture, bytes [H, W, 3] or floats [3, H, W], not {image.dtype} {list(image.shape)}"
        )
    resized = [
        np.asarray(Image.fromarray(np.ascontiguousarray(channel)).resize((size, size), Image.Resampling.BICUBIC))
        for channel in channels
    ]
    return np.stack(resized).clip(0, 255).astype(np.float32) / np.float32(255)


def extract(images: Iterable[PixelImage], extractor: FeatureExtractor, batch_size: int = 32) -> NDArray[np.float64]:
    """Features of all images, [N, D] float64, in order.

    Raises:
        InputError: no images, or an extractor that does not give one vector an image.
    """
    batches = list(extract_batches(images, extractor, batch_size))
    if not batches:
        raise InputError("there are no images to extract features from")
    return np.concatenate(batches)


def extract_batches(
    images: Iterable[PixelImage], extractor: FeatureExtractor, batch_size: int = 32
) -> Iterator[NDArray[np.float64]]:
    """The same, batch by batch [B, D], for `FeatureStatistics.update`: nothing but one batch is held."""
    import torch

    iterator = iter(images)
    with torch.inference_mode():
        while batch := list(itertools.islice(iterator, batch_size)):
            pixels = torch.from_numpy(np.stack([resize_pixels(image, extractor.size) for image in batch]))
            features = extractor(pixels)
            if features.ndim != 2 or len(features) != len(batch):
                raise InputError(
                    f"extractor {extractor.name!r} gave shape {list(features.shape)} for {len(batch)} images; "
                    "one feature vector an image is wanted"
                )
            yield features.double().cpu().numpy()
