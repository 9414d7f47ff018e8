from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from pairsmith.errors import InputError
from pairsmith.tokenizer import perceptual
from pairsmith.tokenizer.perceptual import PerceptualLoss, RandomConvPyramid, build_features


class Fixed(nn.Module):
    """Gives what it was told, whatever it is shown."""

    def __init__(self, *answers: Tensor) -> None:
        super().__init__()
        self.answers = iter(answers)

    def forward(self, pixels: Tensor) -> Tensor:
        return next(self.answers)


def test_feature_maps_are_compared_by_direction() -> None:
    """Unit vectors at a right angle are sqrt(2) apart at every place; length does not matter."""
    first = torch.tensor([3.0, 0.0]).view(1, 2, 1, 1).expand(1, 2, 4, 4)
    second = torch.tensor([0.0, 7.0]).view(1, 2, 1, 1).expand(1, 2, 4, 4)
    pixels = torch.zeros(1, 3, 4, 4)
    assert PerceptualLoss(Fixed(first, second))(pixels, pixels).item() == pytest.approx(2.0)
    assert PerceptualLoss(Fixed(first, 5 * first))(pixels, pixels).item() == pytest.approx(0.0, abs=1e-6)


def test_vectors_are_compared_as_they_are() -> None:
    first, second = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 2.0]])
    pixels = torch.zeros(1, 3, 4, 4)
    assert PerceptualLoss(Fixed(first, second))(pixels, pixels).item() == pytest.approx(2.0)


def test_gradient_goes_to_the_reconstruction_and_nowhere_else() -> None:
    features = RandomConvPyramid(channels=4, levels=2)
    loss = PerceptualLoss(features)
    ours = torch.rand(2, 3, 16, 16, requires_grad=True)
    theirs = torch.rand(2, 3, 16, 16, requires_grad=True)
    loss(ours, theirs).backward()
    assert ours.grad is not None
    assert ours.grad.abs().sum() > 0
    assert theirs.grad is None
    assert all(parameter.grad is None for parameter in features.parameters())
    assert loss(theirs, theirs).item() == 0.0


def test_the_extractor_stays_in_eval_mode() -> None:
    loss = PerceptualLoss(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)))
    loss.train()
    assert not any(module.training for module in loss.features.modules())


def test_random_pyramid_is_the_same_every_time() -> None:
    pixels = torch.rand(1, 3, 32, 32)
    first, second = RandomConvPyramid()(pixels), RandomConvPyramid()(pixels)
    assert [tuple(feature.shape[2:]) for feature in first] == [(16, 16), (8, 8), (4, 4), (2, 2)]
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("name", ["vgg16", "resnet50-logits"])
def test_missing_weights_are_named_and_nothing_is_downloaded(name, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(InputError, match=rf"checkpoints/{name.split('-')[0]}-\w+\.pth: the weights"):
        build_features(name)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file({"features.0.weight": torch.zeros(3)}, path)
    for name in ("vgg16", "resnet50-logits"):
        with pytest.raises(InputError, match="not the weights"):
            build_features(name, path)
    path.write_bytes(b"nonsense")
    with pytest.raises(InputError, match="cannot be read"):
        build_features("vgg16", path)


def test_vgg_stages_from_a_local_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a narrow stand-in for VGG-16 of the same layer order: five maps, each before its pooling."""

    def narrow(weights: None = None) -> nn.Module:
        layers: list[nn.Module] = []
        width = 3
        for convolutions in (2, 2, 3, 3, 3):
            for _ in range(convolutions):
                layers += [nn.Conv2d(width, 4, 3, padding=1), nn.ReLU(inplace=True)]
                width = 4
            layers.append(nn.MaxPool2d(2))
        network = nn.Module()
        network.features = nn.Sequential(*layers)
        return network

    network = narrow()
    path = tmp_path / "vgg.safetensors"
    save_file({f"features.{name}": value for name, value in network.features.state_dict().items()}, path)
    monkeypatch.setattr(perceptual, "vgg16", narrow)
    features = build_features("vgg16", path)
    pixels = torch.rand(1, 3, 32, 32)
    maps = features(pixels)
    assert [tuple(feature.shape) for feature in maps] == [(1, 4, size, size) for size in (32, 16, 8, 4, 2)]
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    deviation = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    assert torch.equal(maps[0], network.features[:4]((pixels - mean) / deviation))
    assert torch.equal(maps[4], network.features[:30]((pixels - mean) / deviation))
