"""A small caption model writes freely, from bos to eos."""

from __future__ import annotations

from pairsmith.captions import (
    CausalModel,
    LanguageModelWriter,
    LanguageModelWriterSettings,
    Request,
    SamplingSettings,
    WriteFailure,
)
from pairsmith.captions.sampling import sample_continuations
from tests.captions.tiny import tiny_llama, tiny_model, tiny_tokenizer

SAMPLING = SamplingSettings(temperature=1.0, top_p=1.0, max_new_tokens=20, block_rows=8, pad_multiple=4)


def _writer() -> LanguageModelWriter:
    return LanguageModelWriter(tiny_model(), LanguageModelWriterSettings(sampling=SAMPLING))


def test_texts_are_what_the_model_writes_after_bos() -> None:
    model = tiny_model()
    lm, hf_tokenizer = model.loaded()
    made = sample_continuations(lm, [[1]] * 12, range(12), [2], SAMPLING)
    for answer, expected in zip(_writer().write([Request("", seed) for seed in range(12)]), made, strict=True):
        text = hf_tokenizer.decode(expected.tokens, skip_special_tokens=True)
        assert answer == (text if expected.finished else WriteFailure("unfinished: no end within 20 tokens", text))


def test_an_opening_stays_in_the_caption() -> None:
    answers = _writer().write([Request("a red dog", seed) for seed in range(6)])
    texts = [answer.text if isinstance(answer, WriteFailure) else answer for answer in answers]
    assert all(text.startswith("a red dog") for text in texts)
    assert len(set(texts)) > 3


def test_rows_with_and_without_openings_share_a_call() -> None:
    requests = [Request(opening, seed) for seed, opening in enumerate(["", "a dog", "", "two cat under the tree", "a"])]
    writer = _writer()
    assert writer.write(requests) == [writer.write([request])[0] for request in requests]


def test_a_tokenizer_without_bos_begins_with_eos() -> None:
    hf_tokenizer = tiny_tokenizer()
    hf_tokenizer.bos_token = None
    lm = tiny_llama(len(hf_tokenizer))
    writer = LanguageModelWriter(
        CausalModel.in_memory(lm, hf_tokenizer, "tiny"), LanguageModelWriterSettings(sampling=SAMPLING)
    )
    made = sample_continuations(lm, [[2]], [5], [2], SAMPLING)[0]
    answer = writer.write([Request("", 5)])[0]
    assert (answer.text if isinstance(answer, WriteFailure) else answer) == hf_tokenizer.decode(
        made.tokens, skip_special_tokens=True
    )
