"""Dual encoders: built, saved, and the same in open_clip."""

from __future__ import annotations

from pathlib import Path

import open_clip
import pytest
import torch

from pairsmith.clip.config import DualEncoderConfig
from pairsmith.clip.model import DualEncoder, build, complete
from pairsmith.errors import InputError

SIZES = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 12, "width": 16, "heads": 2, "layers": 1},
}
CAPTIONS = ["a small red circle on white", "a large Blue square, left of a star"]


def same_in_open_clip(encoder: DualEncoder, folder: Path) -> None:
    encoder.save(folder)
    name = f"local-dir:{folder}"
    loaded, _, transform = open_clip.create_model_and_transforms(name)
    tokens = open_clip.get_tokenizer(name)(CAPTIONS)
    assert torch.equal(tokens, encoder.tokenize()(CAPTIONS))
    pixels = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    ours, loaded = encoder.model.eval(), loaded.eval()
    with torch.no_grad():
        assert torch.equal(loaded.encode_image(pixels), ours.encode_image(pixels))
        texts = loaded.encode_text(tokens)
        assert torch.equal(texts, ours.encode_text(tokens))
    assert not torch.allclose(texts[0], texts[1], atol=1e-4)
    normalize = transform.transforms[-1]
    assert tuple(normalize.mean) == encoder.config.mean
    assert tuple(normalize.std) == encoder.config.std


@pytest.mark.parametrize("words", [True, False])
def test_open_clip_gives_the_same_embeddings(words, tmp_path):
    same_in_open_clip(DualEncoder.make(DualEncoderConfig(architecture=SIZES, words=words), CAPTIONS), tmp_path)


def test_words_are_whole_and_the_end_token_is_kept():
    encoder = DualEncoder.make(DualEncoderConfig(architecture=SIZES, words=True), CAPTIONS)
    tokenize = encoder.tokenize()
    short, unknown, long = tokenize(["A red circle", "a red zebra", "red " * 40])
    assert encoder.architecture["text_cfg"]["vocab_size"] < 20
    end = encoder.architecture["text_cfg"]["eos_id"]
    assert short.shape == (12,)
    assert [int((row == end).sum()) for row in (short, unknown, long)] == [1, 1, 1]
    assert long[-1] == end
    assert short[3] != unknown[3]
    assert torch.equal(tokenize(["a RED circle"])[0], short)
    # What follows the end token is not looked at.
    with torch.no_grad():
        changed = short.clone()
        changed[8:] = short[1]
        model = encoder.model.eval()
        assert torch.equal(model.encode_text(short[None]), model.encode_text(changed[None]))


def test_weights_come_from_the_seed():
    config = DualEncoderConfig(architecture=SIZES, words=True)
    first, again, other = (DualEncoder.make(config, CAPTIONS, seed).model.state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_named_architectures_may_be_changed():
    found = complete({"name": "ViT-B-16", "text_cfg": {"layers": 2}})
    assert found["vision_cfg"]["width"] == 768
    assert found["text_cfg"]["layers"] == 2
    assert found["text_cfg"]["width"] == 512


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        ({"name": "ViT-Z"}, "knows no architecture 'ViT-Z'"),
        ({"embed_dim": 3}, "needs embed_dim"),
        ({**SIZES, "vision_cfg": {"layers": 1}}, "image_size"),
    ],
)
def test_bad_architectures(architecture, message):
    with pytest.raises(InputError, match=message):
        complete(architecture)


def test_unknown_fields_are_refused():
    with pytest.raises(InputError, match="cannot build"):
        build({**SIZES, "text_cfg": {"colour": 1}})
