"""A larger decoder is trained alone, resumably, and its tokenizer goes with everything that the old one went with."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pairsmith.errors import InputError
from pairsmith.pairs import Pair, PairStore, imported_id
from pairsmith.stages.decoder import DecoderSettings, PictureSource, finetune_decoder
from pairsmith.tokenizer.model import VQTokenizer
from pairsmith.training import TrainingSettings
from tests.pairs.importers.samples import picture
from tests.stages.models import make_tokenizer

SETTINGS = DecoderSettings(
    channels=16,
    blocks=2,
    training=TrainingSettings(steps=4, batch_size=4, learning_rate=1e-2, log_every=1, device="cpu", tensorboard=False),
)


@pytest.fixture
def pictures(tmp_path: Path) -> PairStore:
    rows = [
        Pair(id=imported_id("x", str(i)), caption="a", image=picture(i, (16, 16), "PNG"), generator="x")
        for i in range(6)
    ]
    return PairStore.write(tmp_path / "pictures", rows, settings={"test": 1})


def test_only_the_decoder_learns_and_the_tokens_stay(pictures: PairStore, tmp_path: Path) -> None:
    old = make_tokenizer()
    before = old.fingerprint()
    new = finetune_decoder(old, pictures, SETTINGS, tmp_path / "out")
    assert old.fingerprint() == before
    assert new.codes_fingerprint() == old.codes_fingerprint()
    assert (new.config.decoder_channels, new.config.decoder_blocks) == (16, 2)
    fresh = old.with_finetuned_decoder(16, 2)
    assert not torch.equal(new.last_weight, fresh.last_weight)
    saved = VQTokenizer.from_pretrained(tmp_path / "out")
    assert saved.fingerprint() == new.fingerprint()
    pixels = torch.from_numpy(PictureSource(pictures, 16).collate([0, 1], [0, 0])["pixels"])
    assert torch.equal(saved.encode(pixels), old.encode(pixels))


def test_a_finished_one_comes_back_and_another_is_refused(pictures: PairStore, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = finetune_decoder(make_tokenizer(), pictures, SETTINGS, out)
    written = (out / "model.safetensors").stat().st_mtime_ns
    assert finetune_decoder(make_tokenizer(), pictures, SETTINGS, out).fingerprint() == first.fingerprint()
    assert (out / "model.safetensors").stat().st_mtime_ns == written
    with pytest.raises(InputError, match=r"decoder_channels"):
        finetune_decoder(make_tokenizer(), pictures, SETTINGS.model_copy(update={"channels": 8}), out)
    with pytest.raises(InputError, match="tokenizer"):
        finetune_decoder(VQTokenizer(make_tokenizer().config.model_copy(update={"seed": 5})), pictures, SETTINGS, out)
