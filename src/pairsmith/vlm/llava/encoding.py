"""From conversations to the tensors of a LLaVA batch: token ids, labels, and pictures.

The marker of a picture becomes as many image tokens as the vision tower gives features, so the ids are those of the
saved processor. Pads are known by length, never by id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pairsmith.errors import InputError
from pairsmith.vlm.batch import IGNORED
from pairsmith.vlm.llava.prompts import Piece


@dataclass(frozen=True)
class EncodedText:
    """Attributes:
    input_ids: of the row, image tokens included.
    labels: as long; `IGNORED` where there is no loss.
    images: pictures whose tokens are in the row, the first ones of the conversation.
    cut: whether the text was longer than there is room for.
    """

    input_ids: list[int]
    labels: list[int]
    images: int
    cut: bool


@dataclass(frozen=True)
class LlavaBatch:
    """Attributes:
    input_ids: [B, T] int64, right-padded.
    attention_mask: [B, T] int64.
    labels: [B, T] int64, `IGNORED` where there is no loss.
    pixel_values: [I, 3, S, S] float32, the pictures of all rows in order; I may be 0.
    lengths: real tokens of each row.
    images: pictures of each row.
    cut: rows that were cut.
    """

    input_ids: Tensor
    attention_mask: Tensor
    labels: Tensor
    pixel_values: Tensor
    lengths: tuple[int, ...]
    images: tuple[int, ...]
    cut: tuple[bool, ...]

    def rows(self, start: int, stop: int) -> LlavaBatch:
        """Some of the rows, with their own pictures, padded to the longest of them."""
        before, own = sum(self.images[:start]), sum(self.images[start:stop])
        longest = max(self.lengths[start:stop], default=1)
        return LlavaBatch(
            self.input_ids[start:stop, :longest],
            self.attention_mask[start:stop, :longest],
            self.labels[start:stop, :longest],
            self.pixel_values[before : before + own],
            self.lengths[start:stop],
            self.images[start:stop],
            self.cut[start:stop],
        )


class TextEncoder:
    """Pieces of text to ids and labels.

    Args:
        hf_tokenizer: a fast tokenizer that knows the image token.
        image_token_id: its id.
        image_tokens: tokens that one picture takes.
        max_length: longest row, image tokens included; what comes later is cut off, as LLaVA does.

    Raises:
        InputError: a slow tokenizer, one that ends every text by itself, or no room for a picture and an answer.
    """

    def __init__(self, hf_tokenizer: Any, image_token_id: int, image_tokens: int, max_length: int) -> None:
        if not getattr(hf_tokenizer, "is_fast", False):
            raise InputError("LLaVA training needs a fast tokenizer, which knows where each token stands in the text")
        eos = hf_tokenizer.eos_token_id
        if eos is None:
            raise InputError("the language model's tokenizer has no end token: set its eos_token")
        if hf_tokenizer("a")["input_ids"][-1] == eos:
            raise InputError("the language model's tokenizer ends every text by itself: set its add_eos_token to false")
        if max_length < image_tokens + 2:
            raise InputError(
                f"setting 'max_length': {max_length} leaves no room for text beside a picture's {image_tokens} tokens"
            )
        self._tokenizer, self._image_token = hf_tokenizer, image_token_id
        self._image_tokens, self._max_length = image_tokens, max_length

    def encode(self, pieces: Sequence[Piece]) -> EncodedText:
        """The ids of the joined text; a token carries loss when any of its characters belongs to a trained piece."""
        text = "".join(piece.text for piece in pieces)
        found = self._tokenizer(text, return_offsets_mapping=True)
        trained = bytearray()  # one flag for each character
        for piece in pieces:
            trained += bytes([piece.trained]) * len(piece.text)
        ids: list[int] = []
        labels: list[int] = []
        images, cut = 0, False
        for token, (start, stop) in zip(found["input_ids"], found["offset_mapping"], strict=True):
            width = self._image_tokens if token == self._image_token else 1
            if len(ids) + width > self._max_length:
                cut = True
                break
            images += token == self._image_token
            ids += [token] * width
            labels += [token if any(trained[start:stop]) else IGNORED] * width
        return EncodedText(ids, labels, images, cut)


def collate(rows: Sequence[EncodedText], pixel_values: Tensor, pad_id: int) -> LlavaBatch:
    """Rows of different length as one batch.

    Args:
        rows: the texts.
        pixel_values: [I, 3, S, S], the pictures of all rows in order.
        pad_id: of the padding, which nothing attends to.
    """
    longest = max(len(row.input_ids) for row in rows)
    input_ids = torch.full((len(rows), longest), pad_id, dtype=torch.long)
    mask = torch.zeros_like(input_ids)
    labels = torch.full_like(input_ids, IGNORED)
    for number, row in enumerate(rows):
        length = len(row.input_ids)
        input_ids[number, :length] = torch.tensor(row.input_ids)
        mask[number, :length] = 1
        labels[number, :length] = torch.tensor(row.labels)
    return LlavaBatch(
        input_ids,
        mask,
        labels,
        pixel_values,
        tuple(len(row.input_ids) for row in rows),
        tuple(row.images for row in rows),
        tuple(row.cut for row in rows),
    )
