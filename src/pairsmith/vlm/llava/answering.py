"""Asks a LLaVA for answers or captions, through nothing but its own processor and `generate`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from PIL import Image
from transformers import LlavaForConditionalGeneration, LlavaProcessor

from pairsmith.pairs.conversations import MARKER

Picture = Callable[[], Image.Image]
"""Gives its RGB picture when it is needed."""
Progress = Callable[[int, int], None]


def answer(
    model: LlavaForConditionalGeneration,
    processor: LlavaProcessor,
    pictures: Sequence[Picture],
    questions: Sequence[str],
    *,
    max_new_tokens: int = 32,
    beams: int = 1,
    batch_size: int = 16,
    progress: Progress | None = None,
) -> list[str]:
    """One answer for each picture and question.

    Args:
        model: in eval mode, on its device.
        processor: of the model.
        pictures: each gives its RGB picture when it is needed.
        questions: as many, without a marker for the picture.
        max_new_tokens: longest answer.
        beams: 1 is greedy.
        batch_size: rows at a time.
        progress: called with (answers so far, all).
    """
    writer: Any = processor
    texts = [
        writer.apply_chat_template(
            [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}],
            add_generation_prompt=True,
        )
        for question in questions
    ]
    options = {"num_beams": beams, "max_new_tokens": max_new_tokens}
    return [text.strip() for text in _continue(model, processor, pictures, texts, options, batch_size, progress)]


def caption(
    model: LlavaForConditionalGeneration,
    processor: LlavaProcessor,
    pictures: Sequence[Picture],
    *,
    max_new_tokens: int = 32,
    beams: int = 1,
    batch_size: int = 16,
    progress: Progress | None = None,
) -> list[str]:
    """One caption for each picture as stage 1 teaches it: what comes after the picture alone, up to the line's end.

    A model of stage 1 knows no questions yet. The arguments are those of `answer`.
    """
    hf_tokenizer: Any = processor.tokenizer
    ends = _line_ends(hf_tokenizer)
    if hf_tokenizer.eos_token_id is not None:
        ends.append(hf_tokenizer.eos_token_id)
    options = {"num_beams": beams, "max_new_tokens": max_new_tokens, "eos_token_id": ends}
    texts = _continue(model, processor, pictures, [MARKER] * len(pictures), options, batch_size, progress)
    return [text.lstrip().partition("\n")[0].strip() for text in texts]


def _line_ends(hf_tokenizer: Any) -> list[int]:
    """The tokens that hold a line's end."""
    texts = hf_tokenizer.batch_decode([[token] for token in range(len(hf_tokenizer))])
    return [token for token, text in enumerate(texts) if "\n" in text]


@torch.inference_mode()
def _continue(
    model: LlavaForConditionalGeneration,
    processor: LlavaProcessor,
    pictures: Sequence[Picture],
    texts: Sequence[str],
    options: dict[str, Any],
    batch_size: int,
    progress: Progress | None,
) -> list[str]:
    """What the model writes after each picture and text."""
    speaker: Any = model
    found: list[str] = []
    for start in range(0, len(texts), batch_size):
        inputs = processor(
            images=[load() for load in pictures[start : start + batch_size]],
            text=list(texts[start : start + batch_size]),
            padding=True,
            padding_side="left",
            return_tensors="pt",
        ).to(model.device, model.dtype)
        ids = speaker.generate(**inputs, do_sample=False, **options)
        new = ids[:, inputs["input_ids"].shape[1] :]
        found += processor.batch_decode(new, skip_special_tokens=True)
        if progress:
            progress(len(found), len(texts))
    return found
