"""Trains the masked generator on pairs of caption and tokens (paper §3.2.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pairsmith.generators.base import TokenGenerator
from pairsmith.generators.masking import MaskingSettings, masked_loss
from pairsmith.generators.model import MaskedGenerator
from pairsmith.generators.text import TextEncoder
from pairsmith.training.task import Task, TaskLoss


@dataclass(frozen=True)
class GeneratorBatch:
    """Attributes:
    tokens: [B, N] int64 codes.
    text: [B, L, text_dim] float32 features of the frozen language model.
    text_mask: [B, L] bool.
    """

    tokens: Tensor
    text: Tensor
    text_mask: Tensor


class CaptionedTokensTask(Task):
    """What tasks of generators share; batches are {"tokens": [B, N], "caption": list of B texts}.

    Args:
        model: the generator.
        text_encoder: of the frozen language model that it reads.
        cached_captions: how many captions' features are kept in memory (max_text x text_dim floats each). The
            encoder is frozen, so a small set of pairs needs to be encoded once only.
    """

    def __init__(self, model: TokenGenerator, text_encoder: TextEncoder, cached_captions: int = 0) -> None:
        self.cached_captions = cached_captions
        self._features: dict[str, tuple[Tensor, Tensor]] = {}
        self.text_encoder = text_encoder
        self.modules = {"generator": model}
        self.frozen = {"text_encoder": text_encoder.lm}

    def prepare(self, batch: Mapping[str, Any], device: torch.device) -> GeneratorBatch:
        text, text_mask = self._encode(batch["caption"])
        tokens = torch.as_tensor(batch["tokens"]).to(device=device, dtype=torch.int64)
        return GeneratorBatch(tokens, text.to(device), text_mask.to(device))

    def _encode(self, captions: Sequence[str]) -> tuple[Tensor, Tensor]:
        missing = [caption for caption in dict.fromkeys(captions) if caption not in self._features]
        if len(self._features) + len(missing) > self.cached_captions:
            return self.text_encoder.encode(captions)
        for caption, text, text_mask in zip(missing, *self.text_encoder.encode(missing), strict=True):
            self._features[caption] = (text, text_mask)
        texts, masks = zip(*(self._features[caption] for caption in captions), strict=True)
        return torch.stack(texts), torch.stack(masks)


class GeneratorTask(CaptionedTokensTask):
    """The masked generator's task.

    Args:
        model, text_encoder, cached_captions: see `CaptionedTokensTask`.
        masking: the objective.
    """

    def __init__(
        self, model: MaskedGenerator, text_encoder: TextEncoder, masking: MaskingSettings, cached_captions: int = 0
    ) -> None:
        super().__init__(model, text_encoder, cached_captions)
        self.model = model
        self.masking = masking

    def loss(self, batch: GeneratorBatch, phase: str, step: int, generator: torch.Generator) -> TaskLoss:
        total, count, parts = masked_loss(
            self.model, batch.tokens, batch.text, batch.text_mask, self.masking, generator
        )
        return TaskLoss(total, count, parts, tokens=batch.tokens.numel())

    def blocks(self) -> Sequence[nn.Module]:
        return list(self.model.blocks)

    def settings(self) -> dict[str, Any]:
        return {"generator": self.model.config.to_dict(), "masking": self.masking.to_dict()}
