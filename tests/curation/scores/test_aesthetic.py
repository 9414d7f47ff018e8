"""LAION's heads in their two formats, on features of length 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from pairsmith.curation.encoders import SharedModels
from pairsmith.curation.scores.aesthetic import Aesthetic, AestheticSettings, load_head
from pairsmith.curation.scores.embedding import EmbeddingSettings, PictureEmbedding
from pairsmith.curation.scoring import score_pairs
from pairsmith.errors import InputError
from pairsmith.pairs.scores import read_embeddings, read_scores
from tests.curation.stores import picture_store


def chain() -> torch.nn.Sequential:
    """The improved predictor's shape: linear layers with dropout between, numbered 0, 2, 10."""
    torch.manual_seed(0)
    layers = torch.nn.Sequential(*(torch.nn.Dropout(0.2) for _ in range(11)))
    for place, sizes in ((0, (32, 16)), (2, (16, 8)), (10, (8, 1))):
        layers[place] = torch.nn.Linear(*sizes)
    return layers.eval()


@pytest.mark.parametrize("kind", ["linear.pth", "chain.pth", "chain.safetensors"])
def test_is_the_heads_own_value(tmp_path: Path, clip_folder: Path, kind: str) -> None:
    torch.manual_seed(1)
    head = torch.nn.Linear(32, 1) if kind == "linear.pth" else chain()
    state = {f"layers.{name}" if kind.startswith("chain") else name: value for name, value in head.state_dict().items()}
    path = tmp_path / kind
    save_file(state, path) if kind.endswith("safetensors") else torch.save(state, path)
    store = picture_store(tmp_path / "store", 5)
    models = SharedModels()
    settings = AestheticSettings(model=str(clip_folder), head=str(path))
    embedding = PictureEmbedding(EmbeddingSettings(model=str(clip_folder)), models)
    score_pairs(store, {"aesthetic": Aesthetic(settings, models), "embedding": embedding})
    with torch.no_grad():
        expected = head(torch.from_numpy(read_embeddings(store, "embedding")))[:, 0].numpy()
    np.testing.assert_allclose(read_scores(store, "aesthetic"), expected, atol=1e-6)


def test_the_head_is_known_by_its_content(tmp_path: Path) -> None:
    for name in ("a.pth", "b.pth"):
        torch.save(torch.nn.Linear(4, 1).state_dict(), tmp_path / name)
    (tmp_path / "c.pth").write_bytes((tmp_path / "a.pth").read_bytes())
    one, other, same = (
        Aesthetic(AestheticSettings(head=str(tmp_path / name)), SharedModels()).describe() for name in
        ("a.pth", "b.pth", "c.pth")
    )  # fmt: skip
    assert one == same != other


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"layers.0.weight": torch.zeros(3, 4)}, "no chain of linear layers"),
        ({"layers.0.weight": torch.zeros(3, 4), "layers.0.bias": torch.zeros(3)}, "ends in one number, this one in 3"),
        ({"conv.kernel": torch.zeros(3)}, "'conv.kernel' is no part"),
        ({}, "ends in one number, this one in none"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, state: dict[str, torch.Tensor], message: str) -> None:
    torch.save(state, tmp_path / "head.pth")
    with pytest.raises(InputError, match=message):
        load_head(tmp_path / "head.pth")


def test_no_head_no_score(tmp_path: Path, clip_folder: Path) -> None:
    with pytest.raises(InputError, match=r"aesthetic.head=FILE"):
        Aesthetic(AestheticSettings(), SharedModels()).describe()
    (tmp_path / "junk.pth").write_bytes(b"junk")
    with pytest.raises(InputError, match="cannot be read as weights"):
        load_head(tmp_path / "junk.pth")
    torch.save(torch.nn.Linear(7, 1).state_dict(), tmp_path / "narrow.pth")
    score = Aesthetic(AestheticSettings(model=str(clip_folder), head=str(tmp_path / "narrow.pth")), SharedModels())
    with pytest.raises(InputError, match="features of width 7"):
        score_pairs(picture_store(tmp_path / "store", 2), {"aesthetic": score})
