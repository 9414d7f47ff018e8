"""Sixteen hex digits that tell weights apart: exactly for our own models, quickly for language models of any size."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor, nn


def tensors_fingerprint(about: str, tensors: Mapping[str, Tensor]) -> str:
    """Of a text and of tensors: of their names, dtypes, shapes and every bit, wherever they lie."""
    digest = hashlib.sha256(about.encode())
    for name, tensor in sorted(tensors.items()):
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
        digest.update(values.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def language_model_fingerprint(lm: nn.Module) -> str:
    """Of names, shapes and the first values of all weights: tells one language model from another.

    Values are rounded to bfloat16, so loading a model in a smaller number type does not change its fingerprint.
    """
    digest = hashlib.sha256()
    for name, parameter in lm.named_parameters():
        sample = parameter.detach().flatten()[:16].to("cpu", torch.bfloat16).float()
        digest.update(f"{name}{tuple(parameter.shape)}".encode())
        digest.update(sample.numpy().tobytes())
    return digest.hexdigest()[:16]
