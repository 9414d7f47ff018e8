"""Unsafety by a classifier's labels and by the safety checker's margin, with tiny random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import CLIPConfig, CLIPImageProcessor, ViTConfig, ViTForImageClassification, ViTImageProcessor

from pairsmith.curation.encoders import SharedModels
from pairsmith.curation.scores.nsfw import Nsfw, NsfwSettings
from pairsmith.curation.scoring import score_pairs
from pairsmith.errors import InputError
from pairsmith.pairs import decode_image
from pairsmith.pairs.scores import read_scores
from tests.curation.stores import picture_store

SIZES = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("classifier")
    torch.manual_seed(0)
    labels = {0: "Drawing", 1: "Neutral", 2: "NSFW"}
    config = ViTConfig(
        image_size=32, patch_size=16, id2label=labels, label2id={v: k for k, v in labels.items()}, **SIZES
    )
    model = ViTForImageClassification(config)
    torch.nn.init.normal_(model.classifier.weight, std=1.0)
    model.save_pretrained(folder)
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def test_the_probability_of_the_unsafe_labels(tmp_path: Path, classifier: Path) -> None:
    store = picture_store(tmp_path, 5)
    models = SharedModels()
    two = NsfwSettings(model=str(classifier), labels=("nsfw", "drawing"))
    score_pairs(store, {"one": Nsfw(NsfwSettings(model=str(classifier)), models), "two": Nsfw(two, models)})
    model, processor = (
        ViTForImageClassification.from_pretrained(classifier),
        ViTImageProcessor.from_pretrained(classifier),
    )
    with torch.no_grad():
        pixels = processor([decode_image(pair.image) for pair in store.iter_pairs()], return_tensors="pt")
        shares = model.eval()(**pixels).logits.softmax(-1).numpy()
    np.testing.assert_allclose(read_scores(store, "one"), shares[:, 2], atol=1e-5)
    np.testing.assert_allclose(read_scores(store, "two"), shares[:, 0] + shares[:, 2], atol=1e-5)


def test_models_and_labels_must_be_named(classifier: Path) -> None:
    with pytest.raises(InputError, match="model of your choice"):
        Nsfw(NsfwSettings(), SharedModels()).describe()
    with pytest.raises(InputError, match="no label 'porn'; it has drawing, neutral, nsfw"):
        Nsfw(NsfwSettings(model=str(classifier), labels=("porn",)), SharedModels()).load()


def test_the_safety_checker_as_a_number(tmp_path: Path) -> None:
    checkers = pytest.importorskip("diffusers.pipelines.stable_diffusion.safety_checker")
    torch.manual_seed(0)
    config = CLIPConfig(
        text_config=SIZES, vision_config={"image_size": 32, "patch_size": 16, **SIZES}, projection_dim=8
    )
    checker = checkers.StableDiffusionSafetyChecker(config).eval()
    torch.nn.init.normal_(checker.concept_embeds)
    torch.nn.init.normal_(checker.special_care_embeds)
    for parameter in checker.vision_model.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    folder = tmp_path / "checker"
    processor = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    processor.save_pretrained(folder)
    store = picture_store(tmp_path / "store", 12)
    pictures = [decode_image(pair.image) for pair in store.iter_pairs()]
    pixels = processor(pictures, return_tensors="pt")["pixel_values"]
    with torch.no_grad():  # thresholds that some pictures pass
        seen = checker.visual_projection(checker.vision_model(pixels)[1])
        for kind in ("concept", "special_care"):
            near = checkers.cosine_distance(seen, getattr(checker, f"{kind}_embeds"))
            getattr(checker, f"{kind}_embeds_weights").fill_(near.amax(dim=1).median().item())
    checker.save_pretrained(folder)
    score_pairs(store, {"nsfw": Nsfw(NsfwSettings(model=str(folder)), SharedModels())})
    with torch.no_grad():
        _, verdicts = checker(clip_input=pixels, images=[np.zeros((1, 1))] * 12)
    values = read_scores(store, "nsfw")
    assert len(set(verdicts)) == 2  # the case tells something
    assert (values > 0).tolist() == list(verdicts)
