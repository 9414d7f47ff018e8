"""Asks a LLaVA: pictures and questions to answers, through nothing but its own processor and `generate`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from PIL import Image
from transformers import LlavaForConditionalGeneration, LlavaProcessor


@torch.inference_mode()
def answer(
    model: LlavaForConditionalGeneration,
    processor: LlavaProcessor,
    pictures: Sequence[Callable[[], Image.Image]],
    questions: Sequence[str],
    *,
    max_new_tokens: int = 32,
    beams: int = 1,
    batch_size: int = 16,
    progress: Callable[[int, int], None] | None = None,
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
    speaker: Any = model
    found: list[str] = []
    for start in range(0, len(questions), batch_size):
        asked = questions[start : start + batch_size]
        texts = [
            writer.apply_chat_template(
                [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}],
                add_generation_prompt=True,
            )
            for question in asked
        ]
        inputs = processor(
            images=[load() for load in pictures[start : start + batch_size]],
            text=texts,
            padding=True,
            padding_side="left",
            return_tensors="pt",
        ).to(model.device, model.dtype)
        ids = speaker.generate(**inputs, do_sample=False, num_beams=beams, max_new_tokens=max_new_tokens)
        new = ids[:, inputs["input_ids"].shape[1] :]
        found += [text.strip() for text in processor.batch_decode(new, skip_special_tokens=True)]
        if progress:
            progress(len(found), len(questions))
    return found
