"""Captions -> id tensors: right-padded with labels for training, left-padded prompts for generation.

Pads are known by length, never by id: many tokenizers pad with their end token, and the end token of a caption must
carry loss or the model never learns to stop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pairsmith.errors import InputError

IGNORED = -100  # label of positions without loss


@dataclass(frozen=True)
class TextBatch:
    """Attributes:
    input_ids: `[B, T]` int64.
    attention_mask: `[B, T]` int64, 1 for real tokens.
    labels: `[B, T]` int64, `IGNORED` where there is no loss.
    """

    input_ids: Tensor
    attention_mask: Tensor
    labels: Tensor


def build_batch(
    captions: Sequence[str], hf_tokenizer: Any, max_length: int, prompt: str | Sequence[str] | None = None
) -> TextBatch:
    """`<bos> prompt caption <eos>`, right-padded; caption and eos carry loss, bos, prompt and pads do not.

    A caption that does not fit is cut and then gets no eos, because it does not end there.

    Args:
        captions: the texts to learn.
        hf_tokenizer: a tokenizer of `transformers` with an end token; one without a bos starts texts with its eos.
        max_length: longest row in tokens, all special tokens included.
        prompt: text before the caption, one for all rows or one a row.

    Raises:
        InputError: an empty caption, a tokenizer without an end token, or no room for a caption token after the prompt.
    """
    bos, eos = _special_ids(hf_tokenizer)
    rows, starts = [], []
    for number, (caption, before) in enumerate(zip(captions, _prompts(prompt, len(captions)), strict=True)):
        caption_ids = _ids(hf_tokenizer, caption)
        if not caption.strip() or not caption_ids:
            raise InputError(f"caption of row {number} of the batch is empty: drop the row")
        head = [bos, *_ids(hf_tokenizer, before)]
        if len(head) >= max_length:
            raise InputError(f"the prompt of row {number} fills all {max_length} tokens: raise max_length")
        rows.append([*head, *caption_ids, eos][:max_length])
        starts.append(len(head))
    length = max(map(len, rows), default=1)
    input_ids = torch.full((len(rows), length), _pad_id(hf_tokenizer), dtype=torch.long)
    mask = torch.zeros_like(input_ids)
    labels = torch.full_like(input_ids, IGNORED)
    for number, (row, start) in enumerate(zip(rows, starts, strict=True)):
        input_ids[number, : len(row)] = torch.tensor(row)
        mask[number, : len(row)] = 1
        labels[number, start : len(row)] = torch.tensor(row[start:])
    return TextBatch(input_ids, mask, labels)


def build_prompts(prompts: str | Sequence[str] | None, hf_tokenizer: Any, rows: int) -> tuple[Tensor, Tensor]:
    """`<bos> prompt`, left-padded so that every row goes on at the same column.

    Returns:
        ids `[B, T]` int64 and mask `[B, T]` int64.
    """
    bos, _ = _special_ids(hf_tokenizer)
    ids = [[bos, *_ids(hf_tokenizer, prompt)] for prompt in _prompts(prompts, rows)]
    length = max(map(len, ids), default=0)
    input_ids = torch.full((rows, length), _pad_id(hf_tokenizer), dtype=torch.long)
    mask = torch.zeros_like(input_ids)
    for number, row in enumerate(ids):
        input_ids[number, length - len(row) :] = torch.tensor(row)
        mask[number, length - len(row) :] = 1
    return input_ids, mask


def _prompts(prompt: str | Sequence[str] | None, rows: int) -> Sequence[str]:
    if prompt is None or isinstance(prompt, str):
        return [prompt or ""] * rows
    if len(prompt) != rows:
        raise InputError(f"{len(prompt)} prompts for {rows} rows: give one prompt for all or one a row")
    return prompt


def _ids(hf_tokenizer: Any, text: str) -> list[int]:
    return list(hf_tokenizer(text, add_special_tokens=False)["input_ids"]) if text else []


def _special_ids(hf_tokenizer: Any) -> tuple[int, int]:
    eos = hf_tokenizer.eos_token_id
    if eos is None:
        raise InputError("the language model's tokenizer has no end token: set its eos_token")
    return (eos if hf_tokenizer.bos_token_id is None else hf_tokenizer.bos_token_id), eos


def _pad_id(hf_tokenizer: Any) -> int:
    return hf_tokenizer.eos_token_id if hf_tokenizer.pad_token_id is None else hf_tokenizer.pad_token_id
