"""BLIP's matching head with tiny random weights: the runner's values are the model's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import (
    BertTokenizer,
    BlipConfig,
    BlipForImageTextRetrieval,
    BlipImageProcessor,
    BlipTextConfig,
    BlipVisionConfig,
)

from pairsmith.curation.encoders import SharedModels
from pairsmith.curation.scores.itm import ImageTextMatching, ItmSettings
from pairsmith.curation.scoring import score_pairs
from pairsmith.errors import InputError
from pairsmith.pairs import decode_image
from pairsmith.pairs.scores import read_scores
from tests.curation.stores import picture_store


@pytest.fixture(scope="module")
def blip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("blip")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", "[ENC]", "picture", *"0123456789"]
    (folder / "vocab.txt").write_text("\n".join(words))
    tokenizer = BertTokenizer(str(folder / "vocab.txt"))
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = BlipTextConfig(vocab_size=len(words), encoder_hidden_size=16, projection_dim=8, bos_token_id=5,
                          pad_token_id=0, sep_token_id=3, eos_token_id=3, **sizes)  # fmt: skip
    vision = BlipVisionConfig(image_size=32, patch_size=16, projection_dim=8, **sizes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = BlipConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), image_text_hidden_size=8)
        model = BlipForImageTextRetrieval(config)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    BlipImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def test_is_the_models_own_probability(tmp_path: Path, blip_folder: Path) -> None:
    store = picture_store(tmp_path, 5)
    score_pairs(store, {"itm": ImageTextMatching(ItmSettings(model=str(blip_folder)), SharedModels())}, batch_rows=2)
    model = BlipForImageTextRetrieval.from_pretrained(blip_folder).eval()
    tokenizer, processor = BertTokenizer.from_pretrained(blip_folder), BlipImageProcessor.from_pretrained(blip_folder)
    expected = []
    for pair in store.iter_pairs():
        pixels = processor(decode_image(pair.image), return_tensors="pt")["pixel_values"]
        with torch.no_grad():
            words = tokenizer(pair.caption, return_tensors="pt")
            logits = model(words["input_ids"], pixels, attention_mask=words["attention_mask"]).itm_score
        expected.append(logits.softmax(-1)[0, 1].item())
    values = read_scores(store, "itm")
    np.testing.assert_allclose(values, expected, atol=1e-5)
    assert values.std() > 1e-4  # the picture and the words matter


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    score = ImageTextMatching(ItmSettings(model=str(tmp_path / "empty")), SharedModels())
    with pytest.raises(InputError, match="cannot be loaded"):
        score.load()
