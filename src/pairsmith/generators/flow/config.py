"""Architecture settings of the flow-matching generator."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pairsmith.generators.config import TextToTokensConfig


class FlowConfig(TextToTokensConfig):
    """Architecture of `FlowGenerator`: the sizes of the masked generator, so that the two can be compared."""

    code_dim: int = Field(default=256, ge=1, description="width of a code vector, and so of a latent; filled in")
    prediction: Literal["velocity", "data", "codes"] = Field(
        default="velocity",
        description="what the last layer gives: the velocity itself (SD 3); the clean latents (Li and He, 2025); or a "
        "logit for every code, the clean latents being the mean code vector (CDCD; Dieleman et al., 2022). The "
        "velocity follows from each. The loss is on the velocity, of codes on their probabilities",
    )
    least_noise: float = Field(
        default=0.05,
        gt=0,
        lt=1,
        description="unless the velocity is predicted: its divisor below this noise level, where it would blow up",
    )
    gate_start: float = Field(
        default=0.0,
        ge=0,
        description="what the gates on sublayers start from; DiT: 0, which takes a short training hundreds of steps to "
        "open",
    )
