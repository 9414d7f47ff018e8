"""Captions and prompts as id tensors."""

from __future__ import annotations

from typing import Any

import pytest

from pairsmith.errors import InputError
from pairsmith.vlm import build_batch, build_prompts

BOS, EOS, A, RED, BLUE, CIRCLE, SQUARE, ON, GREY, WHAT, IS, IT = range(12)


def test_caption_and_end_carry_loss_even_if_pads_are_the_end_token(hf_tokenizer: Any) -> None:
    batch = build_batch(["a red circle", "square"], hf_tokenizer, max_length=10)
    assert batch.input_ids.tolist() == [[BOS, A, RED, CIRCLE, EOS], [BOS, SQUARE, EOS, EOS, EOS]]
    assert batch.attention_mask.tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]
    assert batch.labels.tolist() == [[-100, A, RED, CIRCLE, EOS], [-100, SQUARE, EOS, -100, -100]]


def test_prompt_carries_no_loss(hf_tokenizer: Any) -> None:
    batch = build_batch(["red", "blue"], hf_tokenizer, 10, prompt=["what is it", "what"])
    assert batch.input_ids.tolist() == [[BOS, WHAT, IS, IT, RED, EOS], [BOS, WHAT, BLUE, EOS, EOS, EOS]]
    assert batch.labels.tolist() == [[-100] * 4 + [RED, EOS], [-100, -100, BLUE, EOS, -100, -100]]
    with pytest.raises(InputError, match="2 prompts for 1 rows"):
        build_batch(["red"], hf_tokenizer, 10, prompt=["what", "is"])


def test_cut_caption_learns_no_end(hf_tokenizer: Any) -> None:
    batch = build_batch(["a red circle on grey", "a red"], hf_tokenizer, max_length=4)
    assert batch.labels.tolist() == [[-100, A, RED, CIRCLE], [-100, A, RED, EOS]]


@pytest.mark.parametrize("empty", ["", "  \n"])
def test_empty_caption_is_refused_with_its_row(empty: str, hf_tokenizer: Any) -> None:
    with pytest.raises(InputError, match="row 1 of the batch is empty"):
        build_batch(["a", empty], hf_tokenizer, 10)


def test_prompt_that_leaves_no_room_is_refused(hf_tokenizer: Any) -> None:
    with pytest.raises(InputError, match="row 0 fills all 3 tokens"):
        build_batch(["red"], hf_tokenizer, 3, prompt="what is it")


def test_prompts_are_padded_on_the_left(hf_tokenizer: Any) -> None:
    ids, mask = build_prompts(["what is it", "what"], hf_tokenizer, 2)
    assert ids.tolist() == [[BOS, WHAT, IS, IT], [EOS, EOS, BOS, WHAT]]
    assert mask.tolist() == [[1, 1, 1, 1], [0, 0, 1, 1]]
    ids, mask = build_prompts(None, hf_tokenizer, 2)
    assert ids.tolist() == [[BOS], [BOS]]


def test_tokenizer_without_bos_starts_with_its_end_token(hf_tokenizer: Any) -> None:
    hf_tokenizer.bos_token = None
    assert build_prompts(None, hf_tokenizer, 1)[0].tolist() == [[EOS]]
    hf_tokenizer.eos_token = None
    with pytest.raises(InputError, match="no end token"):
        build_batch(["red"], hf_tokenizer, 3)
