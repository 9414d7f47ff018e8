"""A generator goes with the text encoder it was trained with, and with no other."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch

from pairsmith.errors import InputError
from pairsmith.generators import MaskedGenerator, SamplingSettings
from pairsmith.generators.text import TextEncoder
from pairsmith.training.synthesis import Synthesizer
from tests.captions.tiny import tiny_llama, tiny_tokenizer
from tests.stages.models import make_synthesizer


def test_an_encoder_of_other_hidden_states_is_refused_and_the_layer_is_kept_with_the_generator(tmp_path: Path) -> None:
    made = make_synthesizer()
    model = MaskedGenerator(made.generator.config.model_copy(update={"text_layer": 1}))
    model.save_pretrained(tmp_path)
    loaded = MaskedGenerator.from_pretrained(tmp_path)
    assert loaded.config.text_layer == 1
    assert loaded.fingerprint() != made.generator.fingerprint()
    with pytest.raises(InputError, match=r"reads hidden states 1 .* gives -1"):
        Synthesizer(loaded, made.text_encoder, SamplingSettings(), 0)
    encoder = TextEncoder(made.text_encoder.lm, made.text_encoder.hf_tokenizer, made.text_encoder.max_length, layer=1)
    assert Synthesizer(loaded, encoder, SamplingSettings(), 0).settings()["text_layer"] == 1


def test_another_language_model_of_the_same_width_is_refused(tmp_path: Path) -> None:
    made = make_synthesizer()
    encoder, sampling = made.text_encoder, made.sampling
    known = made.generator.config.model_copy(update={"text_model": encoder.fingerprint()})
    MaskedGenerator(known).save_pretrained(tmp_path)
    loaded = MaskedGenerator.from_pretrained(tmp_path)
    vocabulary = len(encoder.hf_tokenizer)
    again = TextEncoder(tiny_llama(vocabulary), tiny_tokenizer(), encoder.max_length)
    Synthesizer(loaded, again, sampling, 0)
    stranger = tiny_llama(vocabulary)
    with torch.no_grad():
        stranger.base_model.embed_tokens.weight.mul_(1.5)
    other = TextEncoder(stranger, encoder.hf_tokenizer, encoder.max_length)
    assert other.dim == encoder.dim
    with pytest.raises(InputError, match=f"trained with the language model {encoder.fingerprint()}, and this one is"):
        Synthesizer(loaded, other, sampling, 0)
    Synthesizer(made.generator, other, sampling, 0)  # its language model was never recorded


def test_another_vocabulary_is_another_encoder() -> None:
    encoder = make_synthesizer().text_encoder
    words = copy.deepcopy(encoder.hf_tokenizer)
    words.add_tokens(["zeppelin"])
    assert TextEncoder(encoder.lm, words, encoder.max_length).fingerprint() != encoder.fingerprint()
