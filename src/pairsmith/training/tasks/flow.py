"""Trains the flow-matching generator on pairs of caption and tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from pairsmith.generators.flow.model import FlowGenerator
from pairsmith.generators.flow.objective import FlowSettings, flow_loss
from pairsmith.generators.text import TextEncoder
from pairsmith.training.task import TaskLoss
from pairsmith.training.tasks.generator import CaptionedTokensTask, GeneratorBatch


class FlowTask(CaptionedTokensTask):
    """The flow-matching generator's task.

    Args:
        model, text_encoder, cached_captions: see `CaptionedTokensTask`.
        flow: the objective.
    """

    def __init__(
        self, model: FlowGenerator, text_encoder: TextEncoder, flow: FlowSettings, cached_captions: int = 0
    ) -> None:
        super().__init__(model, text_encoder, cached_captions)
        self.model = model
        self.flow = flow

    def loss(self, batch: GeneratorBatch, phase: str, step: int, generator: torch.Generator) -> TaskLoss:
        total, count, parts = flow_loss(self.model, batch.tokens, batch.text, batch.text_mask, self.flow, generator)
        return TaskLoss(total, count, parts, tokens=batch.tokens.numel())

    def blocks(self) -> Sequence[nn.Module]:
        return list(self.model.blocks)

    def settings(self) -> dict[str, Any]:
        return {"generator": self.model.config.to_dict(), "flow": self.flow.to_dict()}
