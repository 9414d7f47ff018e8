"""The two losses of training a tokenizer: one for the tokenizer, one for the discriminator."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from pairsmith.tokenizer.adversarial import (
    adaptive_weight,
    discriminator_loss,
    frozen,
    generator_loss,
    gradient_penalty,
    ramp,
)
from pairsmith.tokenizer.config import TokenizerLossConfig
from pairsmith.tokenizer.model import TokenizerOutput
from pairsmith.tokenizer.perceptual import PerceptualLoss, build_features
from pairsmith.tokenizer.reconstruction import reconstruction_loss

Parts = dict[str, Tensor]


class TokenizerLoss(nn.Module):
    """Reconstruction + perceptual + adversarial + the quantiser's terms, and the discriminator's own loss.

    All terms are means over pictures. The parts are detached scalars, unweighted unless their name says so, to be
    logged. The discriminator is an argument, not a part of this module: it has its own optimiser.

    Args:
        config: which terms, and their weights.
        perceptual: the perceptual term; None where `config.perceptual_weight` is 0 or `config.perceptual` is "none".
    """

    def __init__(self, config: TokenizerLossConfig, perceptual: PerceptualLoss | None = None) -> None:
        super().__init__()
        self.config = config
        self.perceptual = perceptual

    @classmethod
    def from_config(cls, config: TokenizerLossConfig, weights: Path | None = None) -> TokenizerLoss:
        """With the perceptual net that the settings name; `weights`: see `build_features`.

        Raises:
            InputError: the perceptual net's weights are not there.
        """
        if config.perceptual == "none" or not config.perceptual_weight:
            return cls(config)
        return cls(config, PerceptualLoss(build_features(config.perceptual, weights)))

    def tokenizer_loss(
        self,
        output: TokenizerOutput,
        pixels: Tensor,
        step: int,
        discriminator: nn.Module | None = None,
        last_weight: Tensor | None = None,
    ) -> tuple[Tensor, Parts]:
        """The loss of encoder, quantiser and decoder; the discriminator's parameters get no gradient from it.

        Args:
            output: of the tokenizer for `pixels`.
            pixels: [B, 3, H, W] in [0, 1].
            step: optimiser steps done so far; it sets the adversarial weight.
            discriminator: needed from `adversarial_start` on, where the adversarial weight is not 0. Give the bare
                module: wrappers that count on gradients of all parameters would wait for them in vain.
            last_weight: weight of the decoder's last layer; needed for the adaptive weight.

        Returns:
            The scalar loss, and its parts by name.
        """
        config = self.config
        parts: Parts = {}
        reconstruction = reconstruction_loss(output.reconstruction, pixels, config.reconstruction, config.edge_weight)
        parts["reconstruction"] = reconstruction
        loss = config.reconstruction_weight * reconstruction
        if self.perceptual is not None:
            parts["perceptual"] = self.perceptual(output.reconstruction, pixels)
            loss = loss + config.perceptual_weight * parts["perceptual"]
        weight = config.adversarial_weight * ramp(step, config.adversarial_start, config.adversarial_warmup)
        if weight:
            if discriminator is None:
                raise ValueError("the adversarial term needs the discriminator")
            with frozen(discriminator):
                adversarial = generator_loss(discriminator(output.reconstruction), config.adversarial)
            scale = self._scale(loss, adversarial, last_weight)
            parts["adversarial"] = adversarial
            parts["adversarial_weight"] = weight * scale
            loss = loss + weight * scale * adversarial
        for name, term in output.losses.items():
            parts[name] = term
            loss = loss + term
        parts["loss"] = loss
        return loss, {name: part.detach() for name, part in parts.items()}

    def discriminator_loss(
        self, discriminator: nn.Module, reconstruction: Tensor, pixels: Tensor, step: int
    ) -> tuple[Tensor, Parts]:
        """The discriminator's loss; the tokenizer gets no gradient from it. Zero before `discriminator_start`.

        Args:
            discriminator: pixels -> logits, positive for real.
            reconstruction: [B, 3, H, W], of the tokenizer; detached here.
            pixels: [B, 3, H, W] in [0, 1].
            step: optimiser steps done so far.
        """
        config = self.config
        if not config.adversarial_weight or step < config.discriminator_start:
            return pixels.new_zeros(()), {}
        penalised = config.r1_weight > 0 and torch.is_grad_enabled()
        pixels = pixels.detach().requires_grad_(penalised)
        real, fake = discriminator(pixels), discriminator(reconstruction.detach())
        loss = discriminator_loss(real, fake, config.adversarial)
        parts = {"discriminator": loss, "verdict_real": real.mean(), "verdict_fake": fake.mean()}
        if penalised:
            parts["gradient_penalty"] = gradient_penalty(real, pixels)
            # R1 is defined with a factor of one half.
            loss = loss + config.r1_weight / 2 * parts["gradient_penalty"]
        return loss, {name: part.detach() for name, part in parts.items()}

    def _scale(self, others: Tensor, adversarial: Tensor, last_weight: Tensor | None) -> Tensor:
        if not self.config.adaptive or not others.requires_grad:  # in evaluation there are no gradients to compare
            return torch.ones((), device=others.device)
        if last_weight is None:
            raise ValueError("the adaptive weight needs the weight of the decoder's last layer")
        return adaptive_weight(others, adversarial, last_weight, self.config.adaptive_cap)
