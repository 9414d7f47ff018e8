"""Architecture settings of the autoregressive generator."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from pairsmith.generators.config import CodesConfig


class AutoregressiveConfig(CodesConfig):
    """Architecture of `AutoregressiveGenerator`; the defaults are LlamaGen-B's (Sun et al., 2024, table 1).

    Raises:
        pydantic.ValidationError: a head's width is no multiple of 4, which two-dimensional rotary positions need.
    """

    mlp_width: int = Field(default=2048, ge=1, description="hidden width of each gated MLP: 8/3 of `width`, as LLaMA's")
    codebook_size: int = Field(default=16384, ge=2, description="classes of the output")
    max_text: int = Field(default=120, ge=1, description="text tokens, the length of the prefix")

    @property
    def start_id(self) -> int:
        """The id that begins a picture; never an output."""
        return self.codebook_size

    @model_validator(mode="after")
    def _halves_rotate(self) -> Self:
        if self.width % (4 * self.heads):
            raise ValueError(
                f"width {self.width} must be a multiple of 4 times the heads {self.heads}: half of a head turns with "
                "the row, half with the column"
            )
        return self
