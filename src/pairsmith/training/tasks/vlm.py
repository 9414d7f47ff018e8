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
    """Images of one kind (real or synthetic) with their captions.

    Attributes:
        text: ids and labels of the captions.
        tokens: [B, N] int64, or None where the pixel path is taken.
        pixels: [B, 3, H, W] float32 in [0, 1], or None.
    """

    text: TextBatch
    tokens: Tensor | None
    pixels: Tensor | None


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

    def prepare(self, batch: tuple[Mapping | None, Mapping | None], device: torch.device) -> dict[str, VLMBatch]:
        real, synthetic = batch
        prepared = {}
        if real is not None:
            prepared["real"] = VLMBatch(self._text(real["caption"], device), _tokens(real["tokens"], device), None)
        if synthetic is not None:
            text = self._text(synthetic["caption"], device)
            tokens = (
                _tokens(synthetic["tokens"], device)
                if self.synthesizer is None
                else self.synthesizer.tokens(synthetic["caption"], synthetic["group"], synthetic["epoch"])
            )
            pixels = self._through_pixels(tokens) if self.synthetic_pixels else None
            prepared["synthetic"] = VLMBatch(text, None if self.synthetic_pixels else tokens, pixels)
        return prepared

    def loss(self, batch: dict[str, VLMBatch], phase: str, step: int, generator: torch.Generator) -> TaskLoss:
        outputs = {
            kind: self.model(
                part.text.input_ids,
                part.text.attention_mask,
                tokens=part.tokens,
                pixels=part.pixels,
                labels=part.text.labels,
            )
            for kind, part in batch.items()
        }
        total = torch.stack([output.loss_sum for output in outputs.values()]).sum()
        count = torch.stack([output.count for output in outputs.values()]).sum()
        parts = {kind: (output.loss_sum.detach(), output.count) for kind, output in outputs.items()}
        read = sum(part.text.attention_mask.sum() for part in batch.values())
        return TaskLoss(total, count, parts, tokens=read)

    def blocks(self) -> Sequence[nn.Module]:
        return list(self.model.language_model.gated_blocks())

    def settings(self) -> dict[str, Any]:
        return {
            "vlm": self.model.config.to_dict(),
            "max_length": self.max_length,
            "synthetic_pixels": self.synthetic_pixels,
            "synthesis": None if self.synthesizer is None else self.synthesizer.settings(),
        }

    def _text(self, captions: Sequence[str], device: torch.device) -> TextBatch:
        return super().prepare(build_batch(captions, self.hf_tokenizer, self.max_length), device)

    def _through_pixels(self, tokens: Tensor) -> Tensor:
        if self.model.tokenizer is None:
            raise InputError("the pixel path needs a VLM that was made with its tokenizer")
        return quantise_pixels(self.model.tokenizer.decode(tokens))


def _tokens(values: Any, device: torch.device) -> Tensor:
    return torch.as_tensor(values).to(device=device, dtype=torch.int64)


def quantise_pixels(pixels: Tensor) -> Tensor:
    """Pixels in [0, 1] as they are after being stored with 8 bits a channel."""
    return (pixels * 255).round() / 255
