"""Architecture settings of the flow-matching generator."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pairsmith.generators.config import TextToTokensConfig


class FlowConfig(TextToTokensConfig):
    """Architecture of `FlowGenerator`: the sizes of the masked generator, so that the two can be compared."""

    code_dim: int = Field(default=256, ge=1, description="width of a code vector, and so of a latent; filled in")
    prediction: Literal["velocity", "data"] = Field(
        default="velocity",
        description="what the last layer gives: the velocity itself (SD 3), or the clean latents, from which the "
        "velocity follows (Li and He, 2025); the loss is on the velocity either way",
    )
    least_noise: float = Field(
        default=0.05,
        gt=0,
        lt=1,
        description="with data prediction: divisor of the velocity below this noise level, where it would blow up",
    )

    @property
    def uses_codebook(self) -> bool:
        return True
