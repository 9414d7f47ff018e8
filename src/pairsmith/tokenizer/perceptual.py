"""The perceptual term: distance between features of two pictures, with any module as the feature extractor.

Three extractors come along. VGG-16 and ResNet-50 need torchvision's trained weights on disk: nothing is downloaded
here. The random pyramid needs nothing and is meant for small runs and tests only: its filters were never trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import resnet50, vgg16

from pairsmith.errors import InputError
from pairsmith.seeds import torch_generator
from pairsmith.tokenizer.layers import init_weights

ExtractorName = Literal["random-pyramid", "vgg16", "resnet50-logits"]

# The files of torchvision's IMAGENET1K_V1 weights; MaskBit's VQGAN+ and LPIPS use the same ones.
_WEIGHT_FILES = {"vgg16": "vgg16-397923af.pth", "resnet50-logits": "resnet50-0676ba61.pth"}


class PerceptualLoss(nn.Module):
    """Mean squared distance between the features of two pictures.

    Feature maps [B, C, h, w] are scaled to length 1 over the channels at each place before (as in LPIPS, without its
    learned weights), then summed over channels and averaged over places; vectors [B, C], such as class logits, are
    compared as they are, averaged over C. Several features add up.

    Args:
        features: takes pixels [B, 3, H, W] in [0, 1], gives one tensor or a sequence of them. It is frozen, in eval
            mode for good, and gradients pass through it to the pictures.
    """

    def __init__(self, features: nn.Module) -> None:
        super().__init__()
        self.features = features.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> PerceptualLoss:
        super().train(mode)
        self.features.eval()
        return self

    def forward(self, reconstruction: Tensor, pixels: Tensor) -> Tensor:
        """Two batches [B, 3, H, W] in [0, 1] -> scalar; gradient to the first only."""
        ours = _as_list(self.features(reconstruction))
        with torch.no_grad():
            theirs = _as_list(self.features(pixels))
        return torch.stack([_distance(a.float(), b.float()) for a, b in zip(ours, theirs, strict=True)]).sum()


def _as_list(features: Tensor | Sequence[Tensor]) -> list[Tensor]:
    return [features] if isinstance(features, Tensor) else list(features)


def _distance(first: Tensor, second: Tensor) -> Tensor:
    if first.ndim == 2:
        return functional.mse_loss(first, second)
    first, second = functional.normalize(first, dim=1), functional.normalize(second, dim=1)
    return (first - second).square().sum(1).mean()


class RandomConvPyramid(nn.Module):
    """Untrained features: four strided 3x3 convolutions with random weights drawn from a seed."""

    def __init__(self, channels: int = 16, levels: int = 4, seed: int = 0) -> None:
        super().__init__()
        widths = [3] + [channels * 2**level for level in range(levels)]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(narrow, wide, 3, stride=2, padding=1) for narrow, wide in pairwise(widths)
        )
        init_weights(self, torch_generator(seed, purpose="random features"))

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """[B, 3, H, W] -> one [B, C, h, w] per level, halved each time."""
        features = []
        hidden = pixels - 0.5
        for convolution in self.convolutions:
            hidden = functional.leaky_relu(convolution(hidden), 0.2)
            features.append(hidden)
        return features


class _ImageNetInput(nn.Module):
    """Pixels in [0, 1] as torchvision's classifiers want them."""

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        return (pixels - self.mean) / self.deviation


class VGG16Features(nn.Module):
    """The outputs of VGG-16's five convolution stages."""

    def __init__(self, weights: Path | None = None) -> None:
        super().__init__()
        self.prepare = _ImageNetInput()
        with torch.device("meta"):
            self.layers = vgg16(weights=None).features
        state = _read_weights("vgg16", weights)
        prefix = "features."
        ours = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
        _fill(self.layers, ours, "vgg16", weights)
        for layer in self.layers:
            if isinstance(layer, nn.ReLU):
                layer.inplace = False  # the stage outputs are kept

    def forward(self, pixels: Tensor) -> list[Tensor]:
        hidden = self.prepare(pixels)
        features = []
        for layer in self.layers:
            if isinstance(layer, nn.MaxPool2d):  # one closes each stage
                features.append(hidden)
            hidden = layer(hidden)
        return features


class ResNet50Logits(nn.Module):
    """The 1,000 class logits of ResNet-50: the distance of MaskGIT, MAGVIT and VQGAN+."""

    def __init__(self, weights: Path | None = None) -> None:
        super().__init__()
        self.prepare = _ImageNetInput()
        with torch.device("meta"):
            self.classifier = resnet50(weights=None)
        _fill(self.classifier, _read_weights("resnet50-logits", weights), "resnet50-logits", weights)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.classifier(self.prepare(pixels))


def build_features(name: ExtractorName, weights: Path | None = None) -> nn.Module:
    """The feature extractor of that name.

    Args:
        name: which one.
        weights: `.pth` or `.safetensors` file; None: torchvision's own file in torch's hub cache. Unused for
            random-pyramid.

    Raises:
        InputError: the file of weights is missing or is another network's.
    """
    if name == "vgg16":
        return VGG16Features(weights)
    if name == "resnet50-logits":
        return ResNet50Logits(weights)
    return RandomConvPyramid()


def check_weights(name: ExtractorName, weights: Path | None = None) -> None:
    """Whether an extractor's file of weights is there, without reading it; arguments as `build_features`.

    Raises:
        InputError: it is not; the sentence says where it belongs.
    """
    if name not in _WEIGHT_FILES:
        return
    path = _weights_path(name, weights)
    if not path.is_file():
        raise InputError(
            f"{path}: the weights of the perceptual net {name} are not there; put torchvision's "
            f"{_WEIGHT_FILES[name]} there, or set the tokenizer's losses.perceptual to none"
        )


def _weights_path(name: str, weights: Path | None) -> Path:
    return weights or Path(torch.hub.get_dir()) / "checkpoints" / _WEIGHT_FILES[name]


def _read_weights(name: ExtractorName, weights: Path | None) -> dict[str, Tensor]:
    check_weights(name, weights)
    path = _weights_path(name, weights)
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged files make torch and safetensors raise many kinds
        raise InputError(f"{path}: cannot be read as weights of {name} ({type(error).__name__})") from error


def _fill(module: nn.Module, state: dict[str, Tensor], name: str, weights: Path | None) -> None:
    try:
        module.load_state_dict(state, assign=True)
    except RuntimeError as error:
        raise InputError(f"{_weights_path(name, weights)}: these are not the weights of {name}") from error
