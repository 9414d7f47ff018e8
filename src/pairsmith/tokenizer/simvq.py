"""SimVQ: frozen random codes seen through one learned linear map, so that all codes move together and none dies."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from pairsmith.tokenizer.config import TokenizerConfig
from pairsmith.tokenizer.initialization import random_codes
from pairsmith.tokenizer.precision import exact_float32
from pairsmith.tokenizer.quantization import (
    Quantized,
    Quantizer,
    entropy_penalty,
    nearest_code,
    straight_through,
)


class SimVQQuantizer(Quantizer):
    """The codebook is `basis @ weight.T`; only `weight` learns, by the unweighted codebook term."""

    basis: Tensor

    def __init__(self, config: TokenizerConfig, generator: torch.Generator) -> None:
        super().__init__()
        self.commitment = config.commitment
        self.entropy_weight = config.entropy_weight
        self.entropy_temperature = config.entropy_temperature
        self.register_buffer("basis", random_codes(config, generator))  # [K, D], never changes
        self.weight = nn.Parameter(torch.eye(config.code_dim))  # [D, D]

    @property
    def codebook(self) -> Tensor:
        with exact_float32(self.basis.device.type):
            return functional.linear(self.basis, self.weight)

    def tokenize(self, latents: Tensor) -> Tensor:
        return nearest_code(latents, self.codebook)

    def forward(self, latents: Tensor) -> Quantized:
        latents = latents.float()
        codebook = self.codebook
        tokens = nearest_code(latents, codebook)  # [...]
        codes = codebook[tokens]  # [..., D]
        losses = {
            "commitment": self.commitment * functional.mse_loss(latents, codes.detach()),
            "codebook": functional.mse_loss(codes, latents.detach()),
        }
        if self.entropy_weight:
            losses["entropy"] = self.entropy_weight * entropy_penalty(latents, codebook, self.entropy_temperature)
        return Quantized(straight_through(latents, codes), tokens, losses)
