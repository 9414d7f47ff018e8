"""Generators with a tokenizer of their own: another decoder, or other codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from pairsmith.errors import InputError
from pairsmith.pairs import PairStore
from pairsmith.recipes.place import Place
from pairsmith.recipes.polygen.makers import Readers, open_generator, train_generators
from pairsmith.recipes.polygen.settings import PolygenSettings
from pairsmith.recipes.reporter import Silent
from pairsmith.recipes.synth2.shipped import FOLDER as SHIPPED
from pairsmith.settings import load_settings
from pairsmith.tokenizer.model import VQTokenizer
from tests.recipes.polygen.tiny import GENERATORS, small_settings


@pytest.fixture(scope="module")
def other_decoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizers") / "other_decoder"
    VQTokenizer.from_pretrained(SHIPPED / "tokenizer").with_finetuned_decoder(8, 1).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def other_codes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizers") / "other_codes"
    config = VQTokenizer.from_pretrained(SHIPPED / "tokenizer").config
    VQTokenizer(config.model_copy(update={"seed": 7, "codebook_size": 16})).save_pretrained(folder)
    return folder


def settings_with(tokenizer: Path | None) -> PolygenSettings:
    own = None if tokenizer is None else str(tokenizer)
    base = {**small_settings().to_dict(), "generators": [{**GENERATORS[0], "tokenizer": own}]}
    return load_settings(PolygenSettings, base)


def trained(settings: PolygenSettings, out: Path) -> Readers:
    readers = train_generators(settings, out, Place(), False, 1, Silent())
    assert readers is not None
    return readers


def test_the_same_tokens_through_a_decoder_of_its_own(tmp_path, other_decoder):
    common, own = settings_with(None), settings_with(other_decoder)
    readers = trained(common, tmp_path)
    entry = own.generators[0].model_copy(update={"source": str(tmp_path / "models" / "masked")})
    drawn = [
        open_generator(one, common, tmp_path, readers, "cpu").draw(["a red circle"], ["x"], [0])[0]
        for one in (common.generators[0], entry)
    ]
    assert (drawn[0].tokens == drawn[1].tokens).all()
    assert drawn[0].image != drawn[1].image


def test_a_generator_learns_the_codes_of_its_own_tokenizer(tmp_path, other_codes):
    settings = settings_with(other_codes)
    readers = trained(settings, tmp_path)
    tokens = PairStore(tmp_path / "data" / "tokens-masked")
    assert tokens.manifest.tokenizer == VQTokenizer.from_pretrained(other_codes).fingerprint()
    assert max(max(row) for row in tokens.column("tokens").to_pylist()) < 16
    open_generator(settings.generators[0], settings, tmp_path, readers, "cpu")
    with pytest.raises(InputError, match="do not belong together"):
        open_generator(settings_with(None).generators[0], settings, tmp_path, readers, "cpu")
