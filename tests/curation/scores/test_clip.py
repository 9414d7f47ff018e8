"""CLIPScore through the runner against the formula on open_clip's own calls; prefix, scale, clipping, long captions."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch

from pairsmith.curation.encoders import SharedModels
from pairsmith.curation.scores.clip import ClipScore, ClipSettings
from pairsmith.curation.scores.embedding import EmbeddingSettings, PictureEmbedding
from pairsmith.curation.scoring import score_pairs
from pairsmith.errors import InputError
from pairsmith.pairs import Pair, PairStore, decode_image
from pairsmith.pairs.scores import read_embeddings, read_score_column, read_scores
from tests.curation.stores import picture_store

WEIGHTS = "PAIRSMITH_CLIP_VIT_B32"


def reference(folder: Path, store: PairStore, prefix: str) -> np.ndarray:
    """Cosines, one pair at a time, by open_clip alone."""
    model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    values = []
    for pair in store.iter_pairs():
        with torch.no_grad():
            seen = model.eval().encode_image(transform(decode_image(pair.image))[None])[0].numpy()
            said = model.encode_text(tokenizer([prefix + pair.caption]))[0].numpy()
        values.append((seen / np.sqrt((seen**2).sum()) * (said / np.sqrt((said**2).sum()))).sum())
    return np.array(values)


@pytest.mark.parametrize(
    ("changes", "scale", "prefix"), [({}, 1.0, "A photo depicts "), ({"weight": 2.5, "prefix": ""}, 2.5, "")]
)
def test_is_the_formula(tmp_path: Path, clip_folder: Path, changes: dict, scale: float, prefix: str) -> None:
    store = picture_store(tmp_path, 9, groups=2)
    score = ClipScore(ClipSettings(model=str(clip_folder), **changes), SharedModels())
    score_pairs(store, {"clip": score}, batch_rows=4)
    expected = scale * np.maximum(reference(clip_folder, store, prefix), 0)
    np.testing.assert_allclose(read_scores(store, "clip"), expected, atol=1e-6)


def test_negative_cosines_count_as_nothing_unless_wanted(tmp_path: Path, clip_folder: Path) -> None:
    store = picture_store(tmp_path, 9)
    cosines = reference(clip_folder, store, "")
    models = SharedModels()
    shown = ClipSettings(model=str(clip_folder), prefix="", clip_at_zero=False)
    score_pairs(store, {"shown": ClipScore(shown, models)})
    np.testing.assert_allclose(read_scores(store, "shown"), cosines, atol=1e-6)
    score_pairs(store, {"cut": ClipScore(shown.model_copy(update={"clip_at_zero": True}), models)})
    np.testing.assert_allclose(read_scores(store, "cut"), np.maximum(cosines, 0), atol=1e-6)


def test_long_and_empty_captions(tmp_path: Path, clip_folder: Path) -> None:
    """The tiny model's context holds 40 tokens, two of which are the ends."""
    image = next(picture_store(tmp_path / "one", 1).iter_pairs()).image
    texts = ["cat " * 38, "cat " * 39, " ", "cat"]
    pairs = [Pair(id=f"{number}", caption=text, image=image) for number, text in enumerate(texts)]
    store = PairStore.write(tmp_path / "many", pairs, settings={})
    settings = ClipSettings(model=str(clip_folder), prefix="", clip_at_zero=False)
    models = SharedModels()
    score_pairs(store, {"cut": ClipScore(settings, models)})
    cut = read_score_column(store, "cut")
    assert cut.values[0] == pytest.approx(cut.values[1], abs=1e-6)
    assert cut.reasons == [None, None, "the caption is empty", None]
    strict = settings.model_copy(update={"too_long": "fail"})
    score_pairs(store, {"strict": ClipScore(strict, models)})
    found = read_score_column(store, "strict")
    assert found.reasons == [None, "the caption is longer than the model's context", "the caption is empty", None]
    np.testing.assert_allclose(found.values[[0, 3]], cut.values[[0, 3]], atol=1e-6)


def test_scores_of_one_model_share_its_features(tmp_path: Path, clip_folder: Path) -> None:
    store = picture_store(tmp_path, 6)
    models = SharedModels()
    clip = ClipScore(ClipSettings(model=str(clip_folder)), models)
    embedding = PictureEmbedding(EmbeddingSettings(model=str(clip_folder)), models)
    models.encoder(str(clip_folder)).load()
    network = models.encoder(str(clip_folder))._encoder.model  # type: ignore[union-attr]
    calls: list[int] = []
    encode = network.encode_image
    network.encode_image = lambda pixels: (calls.append(len(pixels)), encode(pixels))[1]
    score_pairs(store, {"clip": clip, "embedding": embedding}, batch_rows=4)
    assert calls == [4, 2]
    vectors = read_embeddings(store, "embedding")
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_a_model_that_is_not_there_is_named_before_any_row(tmp_path: Path) -> None:
    store = picture_store(tmp_path, 2)
    with pytest.raises(InputError, match="neither a folder"):
        score_pairs(store, {"clip": ClipScore(ClipSettings(model="nowhere"), SharedModels())})
    assert not list((tmp_path / "scores").glob("*.parquet"))


@pytest.mark.parametrize("which", ["good", "bad"])
def test_the_authors_example(shared: Path, tmp_path: Path, which: str) -> None:
    if WEIGHTS not in os.environ:
        pytest.skip(f"needs OpenAI's CLIP ViT-B/32 weights; set {WEIGHTS} to their file")
    folder = shared / "goldens" / "clipscore_example"
    captions = json.loads((folder / f"{which}_captions.json").read_text())
    expected = json.loads((folder / "expected.json").read_text())[f"{which}_captions"]["CLIPScore"]
    pairs = [
        Pair(id=name, caption=text, image=(folder / "images" / f"{name}.jpg").read_bytes())
        for name, text in captions.items()
    ]
    store = PairStore.write(tmp_path, pairs, settings={})
    settings = ClipSettings(model=f"ViT-B-32-quickgelu:{os.environ[WEIGHTS]}", weight=2.5)
    score_pairs(store, {"clip": ClipScore(settings, SharedModels())})
    assert read_scores(store, "clip").mean() == pytest.approx(expected, abs=1e-3)  # published in half precision
