"""Trains a small causal language model on captions alone: the LLM that knows the language but has seen no picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.nn import functional

from pairsmith.training.task import Task, TaskLoss
from pairsmith.vlm.batch import IGNORED, TextBatch, build_batch


class LanguageModelTask(Task):
    """Next-token cross-entropy; batches are {"caption": list of B texts}.

    Args:
        lm: a causal language model of `transformers`.
        hf_tokenizer: its tokenizer, with an end token.
        max_length: longest caption in tokens, special tokens included.
    """

    def __init__(self, lm: Any, hf_tokenizer: Any, max_length: int = 64) -> None:
        self.lm = lm
        self.hf_tokenizer = hf_tokenizer
        self.max_length = max_length
        self.modules = {"language_model": lm}

    def prepare(self, batch: Mapping[str, Any], device: torch.device) -> TextBatch:
        return super().prepare(build_batch(batch["caption"], self.hf_tokenizer, self.max_length), device)

    def loss(self, batch: TextBatch, phase: str, step: int, generator: torch.Generator) -> TaskLoss:
        logits = self.lm(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits  # [B, T, V]
        targets = batch.labels[:, 1:]
        valid = targets != IGNORED
        total = functional.cross_entropy(logits[:, :-1][valid].float(), targets[valid], reduction="sum")
        return TaskLoss(total, valid.sum(), tokens=batch.attention_mask.sum())

    def settings(self) -> dict[str, Any]:
        config = self.lm.config.to_diff_dict()
        config.pop("transformers_version", None)
        return {"language_model": config, "max_length": self.max_length}
