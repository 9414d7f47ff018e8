"""Trains the VLM on a mixture of real and synthetic pairs (paper §3.3), synthetic images stored or made on the fly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pairsmith.errors import InputError
from pairsmith.training.synthesis import Synthesizer
from pairsmith.training.task import Task, TaskLoss, TrainedParameter
from pairsmith.vlm.batch import TextBatch, build_batch
from pairsmith.vlm.model import VisionLanguageModel


@dataclass(frozen=True)
class VLMBatch:
    """Real and synthetic images with their captions, the real ones first: one pass through the model serves both.

    Attributes:
        text: ids and labels of the captions.
        tokens: [B, N] int64.
        real: [B] bool, True for real rows.
    """

    text: TextBatch
    tokens: Tensor
    real: Tensor


class VLMTask(Task):
    """The VLM's task.

    Batches are what a `MixedFeed` gives: (real, synthetic), each {"caption": B texts, "tokens": [B, N]} or None.
    With a synthesizer the synthetic side is {"caption", "group", "epoch"}: its images are made in the step, seeded by
    group and epoch.

    Args:
        model: the VLM.
        hf_tokenizer: the language model's tokenizer.
        max_length: longest text in tokens, special tokens included.
        synthesizer: makes synthetic images in the step; None: their tokens come with the batch.
        synthetic_pixels: send stored synthetic tokens through the decoder, pixels and the encoder (Table 5's pixel
            path) instead of looking them up.
    """

    def __init__(
        self,
        model: VisionLanguageModel,
        hf_tokenizer: Any,
        max_length: int = 64,
        synthesizer: Synthesizer | None = None,
        synthetic_pixels: bool = False,
    ) -> None:
        self.model = model
        self.hf_tokenizer = hf_tokenizer
        self.max_length = max_length
        self.synthesizer = synthesizer
        self.synthetic_pixels = synthetic_pixels
        self.modules = {"vlm": model}
        self.frozen = {} if synthesizer is None else dict(synthesizer.modules)
        trained = {id(item.parameter) for item in model.trainable_parameters()}
        self._trained_names = {f"vlm.{name}" for name, value in model.named_parameters() if id(value) in trained}

    def parameters(self, phase: str) -> Sequence[TrainedParameter]:
        return [TrainedParameter(*item) for item in self.model.trainable_parameters()]

    def keeps(self, name: str) -> bool:
        # The language model, the tokenizer and the codebook are frozen, and the constructor restores them.
        return name in self._trained_names

    def used_in_prepare(self) -> Sequence[nn.Module]:
        # The pixel path decodes and encodes there.
        tokenizer = self.model.tokenizer
        return [tokenizer] if self.synthetic_pixels and isinstance(tokenizer, nn.Module) else []

    def prepare(self, batch: tuple[Mapping | None, Mapping | None], device: torch.device) -> VLMBatch:
        real, synthetic = batch
        captions: list[str] = []
        tokens: list[Tensor] = []
        if real is not None:
            captions += real["caption"]
            tokens.append(_tokens(real["tokens"], device))
        real_rows = len(captions)
        if synthetic is not None:
            captions += synthetic["caption"]
            tokens.append(self._synthetic_tokens(synthetic, device))
        prompt = self.model.config.caption_prompt
        text = super().prepare(build_batch(captions, self.hf_tokenizer, self.max_length, prompt), device)
        kinds = torch.arange(len(captions), device=device) < real_rows
        return VLMBatch(text, torch.cat(tokens), kinds)

    def loss(self, batch: VLMBatch, phase: str, step: int, generator: torch.Generator) -> TaskLoss:
        text = batch.text
        output = self.model(text.input_ids, text.attention_mask, tokens=batch.tokens, labels=text.labels)
        losses, counts = output.row_losses, output.row_counts  # [B] each
        kinds = {"real": batch.real, "synthetic": ~batch.real}
        parts = {kind: ((losses.detach() * rows).sum(), (counts * rows).sum()) for kind, rows in kinds.items()}
        return TaskLoss(losses.sum(), counts.sum(), parts, tokens=text.attention_mask.sum())

    def blocks(self) -> Sequence[nn.Module]:
        return list(self.model.language_model.gated_blocks())

    def settings(self) -> dict[str, Any]:
        return {
            "vlm": self.model.config.to_dict(),
            "max_length": self.max_length,
            "synthetic_pixels": self.synthetic_pixels,
            "synthesis": None if self.synthesizer is None else self.synthesizer.settings(),
        }

    def _synthetic_tokens(self, synthetic: Mapping, device: torch.device) -> Tensor:
        if self.synthesizer is None:
            tokens = _tokens(synthetic["tokens"], device)
        else:
            tokens = self.synthesizer.tokens(synthetic["caption"], synthetic["group"], synthetic["epoch"])
        if not self.synthetic_pixels:
            return tokens
        tokenizer = self.model.tokenizer
        if tokenizer is None:
            raise InputError("the pixel path needs a VLM that was made with its tokenizer")
        return tokenizer.encode(quantise_pixels(tokenizer.decode(tokens)))


def _tokens(values: Any, device: torch.device) -> Tensor:
    return torch.as_tensor(values).to(device=device, dtype=torch.int64)


def quantise_pixels(pixels: Tensor) -> Tensor:
    """Pixels in [0, 1] as they are after being stored with 8 bits a channel."""
    return (pixels * 255).round() / 255
