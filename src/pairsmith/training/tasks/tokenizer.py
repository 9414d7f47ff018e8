"""Trains the VQ-GAN: reconstruction, perceptual and quantiser terms, and, where wanted, an adversary (paper A.1.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pairsmith.tokenizer.config import TokenizerLossConfig
from pairsmith.tokenizer.losses import TokenizerLoss
from pairsmith.tokenizer.model import VQTokenizer
from pairsmith.tokenizer.perceptual import PerceptualLoss
from pairsmith.training.task import Task, TaskLoss, TrainedParameter, default_parameters


class TokenizerTask(Task):
    """The tokenizer's task.

    Batches are {"pixels": uint8 [B, 3, H, W]} or float in [0, 1].

    Args:
        model: the tokenizer.
        losses: weights and kinds of the loss terms.
        discriminator: of the adversarial term; None where its weight is 0.
        perceptual: feature network of the perceptual term; None where its weight is 0.
        discriminator_rate: learning rate of the discriminator / of the tokenizer.
        autoencoder_steps: first steps in which the decoder gets the encoder's own vectors; the codebook is then placed
            on what a working autoencoder puts out, instead of chasing one that knows nothing yet.
    """

    def __init__(
        self,
        model: VQTokenizer,
        losses: TokenizerLossConfig,
        discriminator: nn.Module | None = None,
        perceptual: PerceptualLoss | None = None,
        *,
        discriminator_rate: float = 1.0,
        autoencoder_steps: int = 0,
    ) -> None:
        self.model = model
        self.losses = losses
        self.autoencoder_steps = autoencoder_steps
        self.discriminator_rate = discriminator_rate
        self.criterion = TokenizerLoss(losses, perceptual)
        self.discriminator = discriminator
        self.modules = {"tokenizer": model}
        self.frozen = {} if perceptual is None else {"perceptual": perceptual}
        if discriminator is not None:
            self.modules = {**self.modules, "discriminator": discriminator}
            self.phases = ("tokenizer", "discriminator")
        else:
            self.phases = ("tokenizer",)

    def parameters(self, phase: str) -> Sequence[TrainedParameter]:
        rate = self.discriminator_rate if phase == "discriminator" else 1.0
        return default_parameters({phase: self.modules[phase]}, lr_scale=rate)

    def active(self, phase: str, step: int) -> bool:
        return phase == "tokenizer" or step >= self.losses.discriminator_start

    def prepare(self, batch: Mapping[str, Any], device: torch.device) -> Tensor:
        pixels = super().prepare(batch, device)["pixels"]
        pixels = pixels.float().div(255) if pixels.dtype == torch.uint8 else pixels
        return pixels.contiguous(memory_format=torch.channels_last)

    def loss(self, batch: Tensor, phase: str, step: int, generator: torch.Generator) -> TaskLoss:
        rows = len(batch)
        if phase == "discriminator":
            with torch.no_grad():
                self.model.eval()  # a second look at the batch must not move the codebook again
                reconstruction = self.model(batch, quantize=self._quantizes(step)).reconstruction
                self.model.train()
            assert self.discriminator is not None
            total, parts = self.criterion.discriminator_loss(self.discriminator, reconstruction, batch, step)
        else:
            output = self.model(batch, quantize=self._quantizes(step))
            total, parts = self.criterion.tokenizer_loss(
                output, batch, step, self.discriminator, self.model.last_weight
            )
        return TaskLoss(total * rows, rows, {name: (value * rows, rows) for name, value in parts.items()})

    def _quantizes(self, step: int) -> bool:
        return step >= self.autoencoder_steps

    def settings(self) -> dict[str, Any]:
        return {
            "tokenizer": self.model.config.to_dict(),
            "losses": self.losses.to_dict(),
            "autoencoder_steps": self.autoencoder_steps,
        }
