"""Makes LLaVA batches of conversations: texts encoded, pictures decoded in threads and brought to the tower's form."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from transformers import LlavaForConditionalGeneration, LlavaProcessor

from pairsmith.errors import InputError
from pairsmith.pairs.conversations import Conversation, Failure
from pairsmith.pairs.images import decode_image
from pairsmith.vlm.llava.encoding import LlavaBatch, TextEncoder, collate
from pairsmith.vlm.llava.prompts import Piece, Style, write_plain, write_vicuna


class Conversations(Protocol):
    """Where conversations come from; see `pairs.conversations`."""

    failures: list[Failure]
    lengths: np.ndarray
    pictured: np.ndarray
    fingerprint: str

    def __len__(self) -> int: ...

    def collate(self, indices: Sequence[int], epochs: Sequence[int]) -> list[Conversation]:
        """The conversations at `indices`."""
        ...


class LlavaSource:
    """Conversations as batches of a LLaVA.

    Args:
        conversations: the rows.
        model: only its settings are read.
        processor: of the model.
        style: how texts are written.
        system: of `vicuna_v1`.
        max_length: longest row in tokens.
        workers: threads that decode pictures.
    """

    def __init__(
        self,
        conversations: Conversations,
        model: LlavaForConditionalGeneration,
        processor: LlavaProcessor,
        *,
        style: Style,
        system: str,
        max_length: int,
        workers: int = 1,
    ) -> None:
        config: Any = model.config
        self._conversations = conversations
        self._tokenizer = processor.tokenizer
        self._encoder = TextEncoder(processor.tokenizer, config.image_token_id, config.image_seq_length, max_length)
        self._pixels = processor.image_processor
        self._size = config.vision_config.image_size
        self._style, self._system = style, system
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="pictures") if workers > 1 else None

    def __len__(self) -> int:
        return len(self._conversations)

    def collate(self, indices: Sequence[int], epochs: Sequence[int]) -> LlavaBatch:
        """The batch of some rows.

        Raises:
            InputError: a picture cannot be decoded, or a row does not fit the style; the row is named.
        """
        rows = self._conversations.collate(indices, epochs)
        texts = [self._encoder.encode(self._pieces(row)) for row in rows]
        jobs = [(row.id, data) for row, text in zip(rows, texts, strict=True) for data in row.pictures[: text.images]]
        made = list(self._threads.map(self._pixel_values, jobs) if self._threads else map(self._pixel_values, jobs))
        pixels = torch.stack(made) if made else torch.empty(0, 3, self._size, self._size)  # [I, 3, S, S]
        return collate(texts, pixels, self._tokenizer.pad_token_id)

    def _pieces(self, row: Conversation) -> list[Piece]:
        try:
            if self._style == "plain":
                return write_plain(row.exchanges)
            return write_vicuna(row.exchanges, self._tokenizer.eos_token, self._system)
        except InputError as error:
            raise InputError(f"row {row.id}: {error}") from error

    def _pixel_values(self, job: tuple[str, bytes]) -> Tensor:
        row, data = job
        try:
            image = decode_image(data)
        except InputError as error:
            raise InputError(
                f"row {row}: its picture cannot be used ({error}); --set check=decode finds such rows before the start"
            ) from error
        pixels: Tensor = self._pixels(image, return_tensors="pt")["pixel_values"][0]
        return pixels
