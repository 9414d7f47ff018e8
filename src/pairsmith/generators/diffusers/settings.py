"""How a pipeline of `diffusers` is loaded and how it draws."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from pairsmith.settings import Settings

Precision = Literal["fp32", "fp16", "bf16"]


class DiffusersSettings(Settings):
    """Settings of a `diffusers` generator. Null means: what the pipeline itself takes when it is not told.

    SynthVLM drew 1024-pixel pictures with SDXL in 60 steps; its public configuration has fp16, guidance 20, an empty
    negative prompt, and a refiner for the last fifth of the steps.
    """

    steps: int | None = Field(default=None, ge=1, description="denoising steps; SynthVLM: 60")
    guidance: float | None = Field(
        default=None, ge=0, description="guidance_scale of the pipeline; 0 for models distilled without guidance"
    )
    negative_prompt: str = Field(default="", description="what pictures should not show; empty: the model's own way")
    width: int | None = Field(default=None, ge=8, description="pixels; give both sides or none")
    height: int | None = Field(default=None, ge=8, description="pixels")
    max_text: int | None = Field(
        default=None,
        ge=1,
        description="text tokens for encoders of free length (T5, Gemma ...): max_sequence_length of the pipeline; "
        "CLIP always reads 77",
    )
    refiner: str | None = Field(default=None, description="SDXL refiner that ends the drawing: folder or hub name")
    high_noise_fraction: float = Field(
        default=0.8, gt=0, lt=1, description="with a refiner: share of the steps that the base does"
    )
    revision: str | None = Field(default=None, description="branch, tag or commit on the hub, of the pipeline")
    variant: str | None = Field(default=None, description="weight files of this name, such as fp16")
    precision: Precision = Field(default="fp32", description="number format of weights and computation")
    compile: bool = Field(default=False, description="torch.compile the denoising network")
    offload: Literal["none", "model", "sequential"] = Field(
        default="none",
        description="keep weights in main memory until needed: whole networks, or layer by layer; slower, less memory",
    )
    block_rows: int = Field(
        default=4,
        ge=1,
        description="pictures computed together, the last block padded; part of the settings because kernels round "
        "differently for other numbers of rows",
    )
    nsfw: Literal["fail", "keep", "off"] = Field(
        default="fail",
        description="a picture that the pipeline's own safety checker flags: becomes a failed row, is kept with a "
        "note, or is not checked; pipelines without a checker flag nothing",
    )
    image_format: Literal["jpeg", "webp", "png"] = Field(default="jpeg", description="of stored pictures")
    image_quality: int = Field(
        default=95, ge=1, le=100, description="of jpeg and webp (100: lossless webp); png has none"
    )

    @model_validator(mode="after")
    def _sides(self) -> DiffusersSettings:
        if (self.width is None) != (self.height is None):
            raise ValueError("width and height belong together: give both or none")
        return self

    def deciding(self) -> dict[str, Any]:
        """All but what only decides where the same pictures are computed, in JSON types."""
        return self.model_dump(mode="json", exclude={"offload"})
