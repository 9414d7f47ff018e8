"""Fréchet distance against other programs and known answers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pairsmith.errors import InputError
from pairsmith.evaluation.frechet import FeatureStatistics, frechet, frechet_distance, gaussian_distance

GOLDENS = ("small", "ill_conditioned", "identical", "shift_only")


@pytest.mark.parametrize("name", GOLDENS)
def test_golden_features(shared: Path, name: str) -> None:
    folder = shared / "goldens" / "frechet_cmmd"
    expected = json.loads((folder / "expected.json").read_text())[name]
    with np.load(folder / f"{name}.npz") as arrays:
        first, second = arrays["x"], arrays["y"]
    for program in ("frechet_cleanfid_scipy_sqrtm", "frechet_torch_fidelity_eigvals"):
        assert frechet_distance(first, second) == pytest.approx(expected[program], rel=1e-6, abs=1e-9)
    assert frechet_distance(second, first) == pytest.approx(frechet_distance(first, second), rel=1e-6, abs=1e-9)
    result = frechet(first, second)
    assert (result.first_count, result.second_count, result.width) == (expected["n"], expected["m"], expected["dim"])


def test_published_answer_of_two_unit_gaussians() -> None:
    width = 2048
    distance = gaussian_distance(np.zeros(width), np.eye(width), np.ones(width), np.eye(width))
    assert distance == pytest.approx(2048.0, rel=1e-9)


def test_the_distance_of_a_set_to_itself_is_not_below_zero() -> None:
    for seed in range(20):
        features = np.random.default_rng(seed).normal(size=(12, 30))
        assert 0 <= frechet_distance(features, features) < 1e-9


def test_scaled_and_shifted_gaussians_by_hand() -> None:
    covariance = np.diag([1.0, 4.0])
    distance = gaussian_distance(np.zeros(2), covariance, np.array([3.0, 0.0]), 4 * covariance)
    assert distance == pytest.approx(9 + (1 - 2) ** 2 + (2 - 4) ** 2)


def test_rotating_both_sets_changes_nothing() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.normal(size=(60, 5)), generator.normal(1.0, 2.0, size=(60, 5))
    rotation, _ = np.linalg.qr(generator.normal(size=(5, 5)))
    assert frechet_distance(first @ rotation, second @ rotation) == pytest.approx(frechet_distance(first, second))


def test_streaming_and_merging_equal_one_pass_even_far_from_zero() -> None:
    features = (np.random.default_rng(1).normal(size=(101, 6)) + 1e4).astype(np.float32)
    streamed, left, right = (
        FeatureStatistics(6),
        FeatureStatistics.of(features[:40]),
        FeatureStatistics.of(features[40:]),
    )
    for start in range(0, 101, 7):
        streamed.update(features[start : start + 7])
    left.merge(right)
    for statistics in (streamed, left):
        assert statistics.count == 101
        np.testing.assert_allclose(statistics.mean, features.astype(np.float64).mean(0), rtol=1e-12)
        np.testing.assert_allclose(statistics.covariance, np.cov(features.astype(np.float64).T), rtol=1e-9, atol=1e-12)
    assert frechet_distance(streamed, features) == pytest.approx(0, abs=1e-9)


def test_few_or_unequal_samples_warn() -> None:
    generator = np.random.default_rng(2)
    few, many = generator.normal(size=(8, 16)), generator.normal(size=(40, 16))
    warnings = frechet(few, many).warnings
    assert any("8 and 40 samples with features of width 16" in warning for warning in warnings)
    assert any("different size" in warning for warning in warnings)
    assert frechet(many, many).warnings == ()


def test_bad_features_are_refused() -> None:
    good = np.random.default_rng(3).normal(size=(10, 4))
    bad = good.copy()
    bad[6, 2] = np.nan
    with pytest.raises(InputError, match="feature vector 6 holds NaN or infinity"):
        frechet_distance(good, bad)
    with pytest.raises(InputError, match="width 4 and 3"):
        frechet_distance(good, good[:, :3])
    with pytest.raises(InputError, match="at least two samples"):
        frechet_distance(good, good[:1])
    with pytest.raises(InputError, match="matrix of samples"):
        frechet_distance(good, good[0])
    with pytest.raises(InputError, match="do not fit"):
        gaussian_distance(np.zeros(2), np.eye(3), np.zeros(2), np.eye(2))
    with pytest.raises(InputError, match="NaN"):
        gaussian_distance(np.array([np.nan, 0.0]), np.eye(2), np.zeros(2), np.eye(2))


def test_agrees_with_torchmetrics_on_any_extractor() -> None:
    torch = pytest.importorskip("torch")
    fid = pytest.importorskip("torchmetrics.image.fid")

    class Mean(torch.nn.Module):
        num_features = 6

        def forward(self, images: object) -> object:
            return images.float().mean(dim=(2, 3)).repeat(1, 2) * torch.arange(1.0, 7.0)  # type: ignore[attr-defined]

    generator = torch.Generator().manual_seed(0)
    first, second = (torch.rand(20, 3, 8, 8, generator=generator) ** power for power in (1, 2))
    metric = fid.FrechetInceptionDistance(feature=Mean(), normalize=False, input_img_size=(3, 8, 8)).set_dtype(
        torch.float64
    )
    metric.update(first, real=True)
    metric.update(second, real=False)
    own = frechet_distance(Mean()(first).numpy(), Mean()(second).numpy())
    assert float(metric.compute()) == pytest.approx(own, rel=1e-4)
