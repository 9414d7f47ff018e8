"""How tokens enter and leave the transformer: free embeddings, or both ends built on the tokenizer's code vectors.

With few training pictures most codes are seldom seen; tied to the code vectors, a rare code is read and proposed like
its neighbours. A learned codebook is of low effective rank (colour dominates), hence the whitening.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pairsmith.errors import InputError
from pairsmith.generators.config import GeneratorConfig


def whiten(codebook: Tensor, floor: float = 1e-4) -> Tensor:
    """Code vectors rotated to their principal axes and scaled to unit variance on each.

    Args:
        codebook: [K, D] float.
        floor: axes whose variance is below `floor` times the largest are scaled as if they had that variance, so
            that directions holding only rounding noise are not blown up.

    Returns:
        [K, D] float32 of zero mean.

    Raises:
        InputError: all code vectors are equal, or some are not finite.
    """
    codes = codebook.detach().double()
    if codes.ndim != 2 or not torch.isfinite(codes).all():
        raise InputError("the codebook must be a finite [codes, dimensions] matrix")
    codes = codes - codes.mean(dim=0)
    variances, axes = torch.linalg.eigh(codes.T @ codes / codes.shape[0])
    largest = variances[-1]
    if not largest > 0:
        raise InputError("all code vectors of the codebook are equal; train the tokenizer first")
    return (codes @ axes / variances.clamp(min=floor * largest).sqrt()).float()


class FreeEmbedding(nn.Module):
    """One learned vector a code and one for MASK."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.table = nn.Embedding(config.codebook_size + 1, config.width)

    def forward(self, tokens: Tensor) -> Tensor:
        """[B, N] int64 ids, MASK included -> [B, N, W]."""
        return self.table(tokens)


class FreeHead(nn.Module):
    """One learned output vector and bias a code."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.output = nn.Linear(config.width, config.codebook_size)

    def forward(self, hidden: Tensor) -> Tensor:
        """[..., W] float32 -> [..., K] float32."""
        return functional.linear(hidden, self.output.weight.float(), self.output.bias.float())


class CodeVectors(nn.Module):
    """The whitened code vectors, a buffer that is saved with the model."""

    whitened: Tensor

    def __init__(self, codebook_size: int, code_dim: int) -> None:
        super().__init__()
        self.register_buffer("whitened", torch.zeros(codebook_size, code_dim))
        self.ready = False
        self.register_load_state_dict_post_hook(_mark_ready)

    def set(self, codebook: Tensor, floor: float) -> None:
        """Whiten and keep a [K, D] codebook.

        Raises:
            InputError: its shape is not the configured one.
        """
        if codebook.shape != self.whitened.shape:
            raise InputError(
                f"the codebook has shape {list(codebook.shape)}, the generator expects {list(self.whitened.shape)}"
            )
        self.whitened.copy_(whiten(codebook, floor))
        self.ready = True

    def forward(self) -> Tensor:
        """[K, D].

        Raises:
            InputError: no codebook was given yet.
        """
        if not self.ready:
            raise InputError("this generator is tied to a codebook: call set_codebook(tokenizer.codebook) first")
        return self.whitened


def _mark_ready(module: nn.Module, incompatible: Any) -> None:
    assert isinstance(module, CodeVectors)
    module.ready = bool(module.whitened.any())


class TiedEmbedding(nn.Module):
    """A linear map of the code vector, plus a per-code residual that starts at zero, plus a vector for MASK."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        assert config.code_dim is not None
        self.projection = nn.Linear(config.code_dim, config.width)
        self.mask = nn.Parameter(torch.empty(config.width))
        self.residual = nn.Embedding(config.codebook_size, config.width) if config.codebook_residual else None

    def forward(self, tokens: Tensor, vectors: Tensor) -> Tensor:
        """[B, N] int64 ids, MASK included, and the [K, D] code vectors -> [B, N, W]."""
        masked = tokens == vectors.shape[0]  # [B, N]
        known = tokens.masked_fill(masked, 0)
        embedded = self.projection(functional.embedding(known, vectors.to(self.mask.dtype)))
        if self.residual is not None:
            embedded = embedded + self.residual(known)
        return torch.where(masked[..., None], self.mask.to(embedded.dtype), embedded)


class CodeHead(nn.Module):
    """Logits from the distance between a predicted vector and each code vector.

    q.c - p |c|^2 / 2 is, up to a constant, -p/2 |q/p - c|^2: a Gaussian around q/p whose precision p is predicted too.
    Inner products alone could never prefer a code that lies between others, as plain background lies between shapes.

    Args:
        width: of the hidden states.
        code_dim: of the code vectors.
    """

    def __init__(self, width: int, code_dim: int) -> None:
        super().__init__()
        self.projection = nn.Linear(width, code_dim)
        self.precision = nn.Linear(width, 1)

    def forward(self, hidden: Tensor, vectors: Tensor) -> Tensor:
        """[..., W] float32 and the [K, D] code vectors -> [..., K] float32."""
        vectors = vectors.float()
        query = functional.linear(hidden, self.projection.weight.float(), self.projection.bias.float())
        precision = functional.softplus(
            functional.linear(hidden, self.precision.weight.float(), self.precision.bias.float())
        )  # [..., 1]
        return query @ vectors.T - precision * (vectors.square().sum(-1) / 2)  # [..., K]


class TiedHead(CodeHead):
    """A `CodeHead` plus a free head that starts at zero."""

    def __init__(self, config: GeneratorConfig) -> None:
        assert config.code_dim is not None
        super().__init__(config.width, config.code_dim)
        self.residual = nn.Linear(config.width, config.codebook_size) if config.codebook_residual else None

    def forward(self, hidden: Tensor, vectors: Tensor) -> Tensor:
        """[..., W] float32 and the [K, D] code vectors -> [..., K] float32."""
        logits = super().forward(hidden, vectors)
        if self.residual is not None:
            logits = logits + functional.linear(hidden, self.residual.weight.float(), self.residual.bias.float())
        return logits
