"""Small settings and pictures that the tokenizer's tests share."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pairsmith.tokenizer import TokenizerConfig

SMALL_FIELDS = {
    "image_size": 16,
    "channels": 8,
    "multipliers": (1, 2, 2),
    "blocks": 1,
    "norm_groups": 4,
    "code_dim": 6,
    "codebook_size": 24,
}


def small_config(**changes: object) -> TokenizerConfig:
    """16 pixels, 4 x 4 tokens, 24 codes of width 6."""
    return TokenizerConfig.model_validate(SMALL_FIELDS | changes)


QUANTIZERS = {
    "vq-ema": {"quantizer": "vq-ema"},
    "vq": {"quantizer": "vq"},
    "simvq": {"quantizer": "simvq"},
    "fsq": {"quantizer": "fsq", "fsq_levels": (4, 3, 2)},
}


@pytest.fixture(params=list(QUANTIZERS))
def any_config(request: pytest.FixtureRequest) -> TokenizerConfig:
    """The small settings with each quantiser in turn."""
    return small_config(**QUANTIZERS[request.param])


@pytest.fixture
def pixels() -> Tensor:
    """Six random pictures, [6, 3, 16, 16] in [0, 1]."""
    return torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(7))
