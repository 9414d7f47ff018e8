"""Trains generators on pairs of caption and tokens: what their tasks share, and the masked generator's (§3.2.1)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from pairsmith.generators.base import TokenGenerator
from pairsmith.generators.masking import masked_loss
from pairsmith.generators.text import TextEncoder
from pairsmith.settings import Settings
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


class CaptionedTokensTask(Task, ABC):
    """What tasks of generators share; batches are {"tokens": [B, N], "caption": list of B texts}.

    Args:
        model: the generator; its transformer layers are `model.blocks`.
        text_encoder: of the frozen language model that it reads.
        objective: settings of its loss.
        cached_captions: how many captions' features are kept in memory (max_text x text_dim floats each). The
            encoder is frozen, so a small set of pairs needs to be encoded once only.

    Attributes:
        OBJECTIVE: the name of the objective's settings.
    """

    OBJECTIVE: ClassVar[str]

    def __init__(
        self, model: TokenGenerator, text_encoder: TextEncoder, objective: Settings, cached_captions: int = 0
    ) -> None:
        self.model = model
        self.objective = objective
        self.cached_captions = cached_captions
        self._features: dict[str, tuple[Tensor, Tensor]] = {}
        self.text_encoder = text_encoder
        self.modules = {"generator": model}
        self.frozen = {"text_encoder": text_encoder.lm}

    @staticmethod
    @abstractmethod
    def summed_loss(
        model: Any, tokens: Tensor, text: Tensor, text_mask: Tensor, settings: Any, generator: torch.Generator
    ) -> tuple[Tensor, int, dict[str, tuple[Tensor, int]]]:
        """The loss sum, its count, and parts to log; see the objective's own function."""

    def loss(self, batch: GeneratorBatch, phase: str, step: int, generator: torch.Generator) -> TaskLoss:
        total, count, parts = self.summed_loss(
            self.model, batch.tokens, batch.text, batch.text_mask, self.objective, generator
        )
        return TaskLoss(total, count, parts, tokens=batch.tokens.numel())

    def blocks(self) -> Sequence[nn.Module]:
        return list(cast(nn.ModuleList, self.model.blocks))

    def settings(self) -> dict[str, Any]:
        return {"generator": self.model.config.to_dict(), self.OBJECTIVE: self.objective.to_dict()}

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
    """The masked generator's task; its objective is `MaskingSettings`."""

    OBJECTIVE = "masking"
    summed_loss = staticmethod(masked_loss)
