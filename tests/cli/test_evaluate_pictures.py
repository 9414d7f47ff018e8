"""Commands that measure pictures: on folders and stores, with small networks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pairsmith.evaluation import read_metrics
from pairsmith.pairs import Pair, PairStore, imported_id
from pairsmith.scenes.datasets import encode_png
from tests.cli.test_errors import only_sentence
from tests.evaluation.image_text.encoders import save_tiny_open_clip


def _pictures(folder: Path, seed: int, count: int = 12, smooth: bool = False) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(seed)
    for number in range(count):
        side = 8 if smooth else 32
        image = Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8))
        image.resize((32, 32), Image.Resampling.BICUBIC).save(folder / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_open_clip(tmp_path_factory.mktemp("model"))


def test_fid_of_two_generators_with_a_named_network(pairsmith, model: Path, tmp_path: Path) -> None:
    real, other, far = (_pictures(tmp_path / name, seed, smooth=seed == 2) for seed, name in enumerate("rof"))
    result = pairsmith(
        "evaluate", "fid", "--real", real, "--generated", other, "--generated", far, "--model", f"open_clip:{model}",
        "--out", tmp_path / "m.json", "--device", "cpu",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    metrics = read_metrics(tmp_path / "m.json")
    for name in ("fid", "cmmd", "kid"):
        assert metrics[f"o.{name}"].value < metrics[f"f.{name}"].value
    assert metrics["f.precision"].n == 12
    assert "with no more samples than values" in result.stderr  # fewer pictures than the features are wide


def test_spectra_of_generators(pairsmith, tmp_path: Path) -> None:
    real, other, far = (_pictures(tmp_path / name, seed, smooth=seed == 2) for seed, name in enumerate("rof"))
    out = tmp_path / "out"
    result = pairsmith(
        "evaluate", "spectrum", "--real", real, "--generated", f"same={other}", "--generated", f"blurred={far}",
        "--size", 32, "--out", out,
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    metrics = read_metrics(out)
    assert metrics["same.spectral_gap"].value < 0.3 * metrics["blurred.spectral_gap"].value
    assert metrics["blurred.spectral_gap"].low is None
    assert metrics["blurred.spectral_slope"].value < metrics["same.spectral_slope"].value
    curves = json.loads((out / "spectra.json").read_text())
    assert set(curves["log10_power"]) == {"real", "same", "blurred"}
    assert len(curves["cycles_per_pixel"]) == len(curves["log10_power"]["real"]) == 16


def test_diversity_within_and_over_captions(pairsmith, model: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = []
    for group in range(4):
        picture = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
        for copy in range(2):
            other = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8) if group == 3 and copy else picture
            rows.append(
                Pair(
                    id=imported_id("x", f"{group}/{copy}"), caption="x", group=str(group), generator="x",
                    image=encode_png(other),
                )
            )  # fmt: skip
    store = PairStore.write(tmp_path / "store", rows, settings={"name": "x"}).folder
    result = pairsmith(
        "evaluate", "diversity", "--pictures", store, "--model", f"open_clip:{model}", "--out", tmp_path / "m.json",
        "--device", "cpu",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    metrics = read_metrics(tmp_path / "m.json")
    assert 1 < metrics["vendi"].value <= 5
    assert metrics["vendi"].n == 8
    assert metrics["caption_variance"].n == 4
    assert metrics["caption_variance"].low == pytest.approx(0, abs=1e-9)  # three captions are always drawn alike
    assert metrics["caption_variance"].value > 0


def test_reconstructions_of_a_tokenizer(
    pairsmith, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Path
) -> None:
    import torch

    from pairsmith.tokenizer import VQTokenizer
    from tests.tokenizer.conftest import small_config

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    VQTokenizer(small_config()).save_pretrained(tmp_path / "tokenizer")
    originals = _pictures(tmp_path / "pictures", 0, count=5)
    result = pairsmith(
        "evaluate", "reconstruction", "--originals", originals, "--tokenizer", tmp_path / "tokenizer",
        "--features", f"open_clip:{model}", "--out", tmp_path / "m.json", "--device", "cpu",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    metrics = read_metrics(tmp_path / "m.json")
    assert set(metrics) == {"psnr", "ssim", "rfid"}
    assert metrics["psnr"].n == 5
    assert "LPIPS is left out: torchvision's alexnet" in result.stderr


def test_bad_input_is_a_sentence(pairsmith, tmp_path: Path) -> None:
    pictures = _pictures(tmp_path / "p", 0, count=2)
    sentence = only_sentence(pairsmith("evaluate", "spectrum", "--real", tmp_path / "none", "--generated", pictures))
    assert "none: no such file or folder" in sentence
    sentence = only_sentence(
        pairsmith("evaluate", "fid", "--real", pictures, "--generated", pictures, "--model", "timm:nonsense")
    )
    assert "timm:nonsense" in sentence
    np.savez(tmp_path / "a.npz", features=np.full((9, 2), np.nan))
    sentence = only_sentence(
        pairsmith("evaluate", "fid", "--real", tmp_path / "a.npz", "--generated", tmp_path / "a.npz")
    )
    assert "feature vector 0 holds NaN" in sentence
