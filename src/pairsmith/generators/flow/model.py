"""The flow-matching generator: a diffusion transformer that carries noise to a picture's code vectors.

Its latents are the codebook vectors of a picture's tokens, whitened, not the encoder's continuous output. The decoder
and all that reads tokens were trained on codebook vectors alone; what is drawn is put on the nearest code, so it
decodes as well as any tokens do, and training needs tokens and captions but no pictures. Whitening gives every
direction of the codebook unit variance, that of the noise: unwhitened, colour would decide all but the last steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from pairsmith.generators.base import TokenGenerator
from pairsmith.generators.codebook import CodeHead, CodeVectors
from pairsmith.generators.conditioning import TextConditioner, TextContext
from pairsmith.generators.flow.blocks import FlowBlock, Modulation, NoiseLevel, modulate, plain_norm
from pairsmith.generators.flow.config import FlowConfig
from pairsmith.generators.flow.sampling import FlowSamplingSettings, sample_latents

INIT_STD = 0.02
POSITION_STD = 1.0  # that of the latents' projection: fainter ones are drowned by noise, and all places look alike
NEAREST_ROWS = 16  # latents of pictures compared with the codebook at a time


class FlowGenerator(TokenGenerator):
    """Predicts the velocity from clean latents to noise, given noisy latents, their noise level and a caption.

    A noisy latent is (1 - level) * clean + level * noise, its velocity noise - clean (rectified flow; Liu et al., 2023,
    and the sign of diffusers' flow-matching schedulers).

    Attributes:
        config: the architecture.
    """

    KIND = "a flow-matching generator"
    MARKS: ClassVar = {"model_type": "pairsmith-flow-generator"}
    CONFIG = FlowConfig
    config: FlowConfig

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        self.config = config
        self.conditioner = TextConditioner(config)
        self.code_vectors = CodeVectors(config.codebook_size, config.code_dim)
        self.input = nn.Linear(config.code_dim, config.width)
        self.row_positions = nn.Parameter(torch.empty(config.grid, config.width))
        self.column_positions = nn.Parameter(torch.empty(config.grid, config.width))
        self.noise_level = NoiseLevel(config.width)
        self.blocks = nn.ModuleList(FlowBlock(config) for _ in range(config.layers))
        self.output_norm = plain_norm(config.width)
        self.output_modulation = Modulation(config.width, 2)
        by_code = config.prediction == "codes"
        self.output: nn.Module = (CodeHead if by_code else nn.Linear)(config.width, config.code_dim)
        self._initialise()

    def forward(self, latents: Tensor, levels: Tensor, context: TextContext) -> Tensor:
        """The velocity.

        Args:
            latents: [B, N, D] float32, noisy.
            levels: [B] noise levels in [0, 1], 1 for pure noise.
            context: text of the same B rows, from `encode_text`.

        Returns:
            [B, N, D] float32.
        """
        hidden = self._hidden_states(latents, levels, context)
        if self.config.prediction == "velocity":
            return self._project(hidden)
        clean = self._project(hidden) if self.config.prediction == "data" else self._mean_codes(self._logits(hidden))
        return (latents.float() - clean) / levels.float().clamp(min=self.config.least_noise)[:, None, None]

    def code_logits(self, latents: Tensor, levels: Tensor, context: TextContext) -> Tensor:
        """Logits of every code, [B, N, K] float32, where codes are what is predicted; arguments as of `forward`."""
        return self._logits(self._hidden_states(latents, levels, context))

    def _hidden_states(self, latents: Tensor, levels: Tensor, context: TextContext) -> Tensor:
        positions = self.row_positions[:, None] + self.column_positions[None]  # [grid, grid, W]
        hidden = self.input(latents.to(self.input.weight.dtype)) + positions.flatten(0, 1)  # [B, N, W]
        level = self.noise_level(levels)  # [B, W]
        for block, keys, values in zip(self.blocks, context.keys.unbind(), context.values.unbind(), strict=True):
            hidden = block(hidden, level, keys, values, context.mask)
        return modulate(self.output_norm(hidden), *self.output_modulation(level))

    def _project(self, hidden: Tensor) -> Tensor:
        assert isinstance(self.output, nn.Linear)
        with torch.autocast(hidden.device.type, enabled=False):
            return nn.functional.linear(hidden.float(), self.output.weight.float(), self.output.bias.float())

    def _logits(self, hidden: Tensor) -> Tensor:
        # Over thousands of codes half precision would merge near-equal logits.
        with torch.autocast(hidden.device.type, enabled=False):
            return self.output(hidden.float(), self.code_vectors())

    def _mean_codes(self, logits: Tensor) -> Tensor:
        with torch.autocast(logits.device.type, enabled=False):
            return logits.softmax(dim=-1) @ self.code_vectors().float()

    def set_codebook(self, codebook: Tensor, floor: float = 1e-4) -> None:
        """Take over the tokenizer's code vectors, whitened; they are saved with the model.

        Args:
            codebook: [codebook_size, code_dim] float.
            floor: see `pairsmith.generators.codebook.whiten`.

        Raises:
            InputError: the shape differs.
        """
        self.code_vectors.set(codebook, floor)

    def latents(self, tokens: Tensor) -> Tensor:
        """Tokens [B, N] int64 -> clean latents [B, N, D] float32."""
        return nn.functional.embedding(tokens, self.code_vectors().float())

    def nearest_tokens(self, latents: Tensor) -> Tensor:
        """Latents [B, N, D] -> tokens [B, N] int64 of the nearest code vectors; ties go to the lowest id."""
        codes = self.code_vectors().float()  # [K, D]
        half_norms = codes.square().sum(dim=-1) / 2  # [K]
        return torch.cat([(part @ codes.T - half_norms).argmax(dim=-1) for part in latents.float().split(NEAREST_ROWS)])

    def draw(self, text: Tensor, text_mask: Tensor, settings: FlowSamplingSettings, seeds: Sequence[int]) -> Tensor:
        """Tokens [B, N] int64 of one picture a row; see `pairsmith.generators.flow.sampling.sample_latents`."""
        return self.nearest_tokens(sample_latents(self, text, text_mask, settings, seeds))

    @torch.no_grad()
    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=module.in_features**-0.5)
                nn.init.zeros_(module.bias)
        for parameter in (self.row_positions, self.column_positions):
            nn.init.trunc_normal_(parameter, std=POSITION_STD)
        for parameter in (self.conditioner.null_text, self.conditioner.null_key_value):
            nn.init.trunc_normal_(parameter, std=INIT_STD)
        if self.conditioner.text_positions is not None:
            nn.init.trunc_normal_(self.conditioner.text_positions, std=INIT_STD)
        for module in self.modules():
            if isinstance(module, Modulation):
                module.silence()
        for block in self.blocks:
            assert isinstance(block, FlowBlock)
            block.open_gates(self.config.gate_start)
        output = self.output
        if isinstance(output, CodeHead):
            # softplus(-4) = 0.018 on squared norms around code_dim: distances begin faint, and are learnt.
            nn.init.zeros_(output.precision.weight)
            nn.init.constant_(output.precision.bias, -4.0)
            output = output.projection
        assert isinstance(output, nn.Linear)
        nn.init.zeros_(output.weight)
