from __future__ import annotations

import pytest

from pairsmith.errors import InputError
from pairsmith.pairs.conversations import Exchange
from pairsmith.vlm.llava.prompts import SYSTEM, write_plain, write_prompt, write_vicuna
from tests.vlm.llava.tiny import tiny_llava

TALK = (Exchange("What is it?\n<image>", "A dog."), Exchange("Big?", "No."))


def test_plain_is_the_picture_and_the_caption_with_its_line_end() -> None:
    pieces = write_plain([Exchange("Describe it.\n<image>", "a dog")])
    assert [(piece.text, piece.trained) for piece in pieces] == [("<image>", False), ("a dog\n", True)]


@pytest.mark.parametrize("exchanges", [TALK, (Exchange("What?", "A dog."),)])
def test_plain_takes_one_picture_and_one_answer(exchanges: tuple[Exchange, ...]) -> None:
    with pytest.raises(InputError, match="stage 1"):
        write_plain(exchanges)


def test_vicuna_is_llava_1_5_word_for_word() -> None:
    pieces = write_vicuna(TALK, "</s>")
    assert "".join(piece.text for piece in pieces) == (
        "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, "
        "detailed, and polite answers to the user's questions. USER: <image>\nWhat is it? ASSISTANT: A dog.</s>"
        "USER: Big? ASSISTANT: No.</s>"
    )
    assert "".join(piece.text for piece in pieces if piece.trained) == " A dog.</s> No.</s>"


def test_prompt_is_what_comes_before_the_first_answer() -> None:
    assert write_vicuna(TALK, "</s>")[0].text == write_prompt(TALK[0].question)
    assert write_prompt("Who?", system="") == "USER: Who? ASSISTANT:"


@pytest.mark.parametrize("system", [SYSTEM, "", 'Say "{{ no }}"\nand \\ more.'])
def test_the_chat_template_writes_what_is_trained(system: str) -> None:
    _, processor = tiny_llava(system=system)
    for listed in (False, True):
        content = [{"type": "text", "text": "What is it?"}, {"type": "image"}] if listed else "<image>\nWhat is it?"
        messages = [
            {"role": "user", "content": content},
            {"role": "assistant", "content": "A dog."},
            {"role": "user", "content": "Big?"},
            {"role": "assistant", "content": "No."},
        ]
        for template in (processor.apply_chat_template, processor.tokenizer.apply_chat_template):
            text = "".join(piece.text for piece in write_vicuna(TALK, "</s>", system))
            assert template(messages, tokenize=False) == text
            prompt = template(messages[:1], tokenize=False, add_generation_prompt=True)
            assert prompt == write_prompt(TALK[0].question, system)
