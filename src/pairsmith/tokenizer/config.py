"""Settings of the tokenizer: its networks and quantiser. The numbers of the published systems are in `presets`.

"Table 6" is the VQ-GAN table of the Synth² paper (appendix A.1.1).
"""

from __future__ import annotations

import math
from typing import Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from pairsmith.settings import Settings

QuantizerName = Literal["vq-ema", "vq", "simvq", "fsq"]


class TokenizerConfig(Settings):
    """Encoder, quantiser and decoder; the defaults are the published 256-pixel tokenizer (Table 6 and its text)."""

    image_size: PositiveInt = Field(
        default=256, description="side of the square pictures it is trained on, pixels (section 4.1)"
    )
    channels: PositiveInt = Field(default=128, description="base channels of encoder and decoder (A.1.1)")
    multipliers: tuple[PositiveInt, ...] = Field(
        default=(1, 1, 2, 2, 4), min_length=1, description="channels per level / base (MaskGIT)"
    )
    blocks: PositiveInt = Field(default=2, description="residual blocks per level, in encoder and decoder (A.1.1)")
    norm_groups: PositiveInt = Field(
        default=32, description="most groups of a group norm; lowered until it divides the channels (MaskGIT)"
    )
    decoder_channels: PositiveInt | None = Field(
        default=None, description="base channels of the decoder; null: as the encoder (256 when finetuned, A.1.1)"
    )
    decoder_blocks: PositiveInt | None = Field(
        default=None, description="blocks per level of the decoder; null: as the encoder (4 when finetuned, A.1.1)"
    )
    code_dim: PositiveInt = Field(default=256, description="width of a codebook vector (MaskGIT)")
    local: bool = Field(
        default=False,
        description="encode every patch of downsample x downsample pixels by itself, so that equal patches have equal "
        "tokens; false: tokens see their surroundings through the convolutions, as published",
    )
    codebook_size: PositiveInt = Field(
        default=8192, le=65536, description="number of codes (Table 6); 65536 is the most a uint16 holds"
    )
    quantizer: QuantizerName = Field(
        default="vq-ema",
        description="vq-ema: codes are running means; vq: learnt by gradient; simvq: mapped random codes; fsq: a grid",
    )
    commitment: float = Field(
        default=0.25, ge=0, description="beta: weight of the term that pulls the encoder to its code (VQ-VAE)"
    )
    entropy_weight: float = Field(
        default=0.0, ge=0, description="weight of the entropy term of vq, vq-ema and simvq (0.1 in MaskGIT)"
    )
    entropy_temperature: PositiveFloat = Field(
        default=0.01, description="of that term, over squared distances divided by code_dim (MaskGIT)"
    )
    ema_decay: float = Field(
        default=0.99, gt=0, lt=1, description="decay of the running counts and sums of codes (VQ-VAE-2)"
    )
    restart_threshold: float = Field(
        default=0.03,
        ge=0,
        lt=1,
        description="a code whose running count is below this share of the mean count restarts; 0: never",
    )
    fsq_levels: tuple[int, ...] | None = Field(
        default=None, description="grid sizes of fsq, product = codebook_size, each at least 2; null for the others"
    )
    seed: int = Field(default=0, ge=0, description="of the initial weights and of restarts")

    @property
    def downsample(self) -> int:
        """Pixels per token along one side."""
        return 2 ** (len(self.multipliers) - 1)

    @property
    def grid(self) -> int:
        """Tokens along one side of a picture of `image_size`."""
        return self.image_size // self.downsample

    @property
    def num_tokens(self) -> int:
        """Tokens of a picture of `image_size`."""
        return self.grid**2

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.image_size % self.downsample:
            raise ValueError(
                f"image_size {self.image_size} is not a multiple of {self.downsample}, the pixels per token"
            )
        if (self.quantizer == "fsq") != (self.fsq_levels is not None):
            raise ValueError("fsq_levels belongs to quantizer 'fsq', and to no other")
        if self.fsq_levels is not None:
            if min(self.fsq_levels, default=0) < 2:
                raise ValueError(f"fsq_levels {self.fsq_levels}: every level must be at least 2")
            codes = math.prod(self.fsq_levels)
            if codes != self.codebook_size:
                raise ValueError(
                    f"fsq_levels {self.fsq_levels} make {codes} codes, not codebook_size {self.codebook_size}"
                )
        return self


class TokenizerLossConfig(Settings):
    """What the tokenizer is trained to minimise, beside the quantiser's own terms."""

    reconstruction: Literal["l1", "l2"] = Field(
        default="l2", description="pixel distance: absolute or squared (VQ-GAN: l1; MaskGIT: l2)"
    )
    reconstruction_weight: float = Field(default=1.0, ge=0, description="weight of the pixel distance (MaskGIT)")
    edge_weight: float = Field(
        default=0.0,
        ge=0,
        description="how much more a pixel at a full-contrast edge of the target weighs; 0: all alike",
    )
    perceptual: Literal["none", "random-pyramid", "vgg16", "resnet50-logits"] = Field(
        default="none",
        description="feature extractor of the perceptual term; vgg16 and resnet50-logits need weights on disk",
    )
    perceptual_weight: float = Field(default=0.05, ge=0, description="weight of the perceptual term (Table 6)")
    adversarial: Literal["hinge", "non-saturating"] = Field(
        default="non-saturating",
        description="adversarial loss of both networks (MaskGIT: non-saturating; VQ-GAN: hinge)",
    )
    adversarial_weight: float = Field(
        default=0.01, ge=0, description="weight of the adversarial term (Table 6; Muse: 0.1); 0: no discriminator"
    )
    adaptive: bool = Field(
        default=False,
        description="scale the adversarial term so that its gradient at the last layer matches the others' (VQ-GAN)",
    )
    adaptive_cap: PositiveFloat = Field(
        default=10.0, description="upper bound of that scale (1e4 in VQ-GAN, where it can drown the rest)"
    )
    discriminator_start: int = Field(default=0, ge=0, description="step from which the discriminator learns")
    adversarial_start: int = Field(
        default=0, ge=0, description="step from which its verdict reaches the tokenizer; not before discriminator_start"
    )
    adversarial_warmup: int = Field(
        default=0, ge=0, description="steps over which the adversarial weight rises from 0 after that, linearly"
    )
    r1_weight: float = Field(
        default=0.0, ge=0, description="weight of the gradient penalty on real pictures (MaskGIT: 10)"
    )

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.adversarial_start < self.discriminator_start:
            raise ValueError(
                "adversarial_start lies before discriminator_start: an untrained discriminator must not steer"
            )
        return self


class DiscriminatorConfig(Settings):
    """A patch discriminator: convolutions, group norm, blurred down-sampling (after VQGAN+, with no paper table)."""

    channels: PositiveInt = Field(default=128, description="channels of the first level; doubled per level")
    levels: PositiveInt = Field(default=4, description="down-samplings by 2; one verdict per 2**levels pixels a side")
    most_channels: PositiveInt = Field(default=512, description="upper bound of the channels")
    norm_groups: PositiveInt = Field(default=32, description="most groups of a group norm")
    seed: int = Field(default=0, ge=0, description="of the initial weights")


class TokenizerOptimization(Settings):
    """How the tokenizer is trained; the defaults are Table 6."""

    learning_rate: PositiveFloat = Field(default=1e-4, description="of encoder, quantiser and decoder (Table 6)")
    discriminator_learning_rate: PositiveFloat = Field(default=1e-4, description="of the discriminator (Table 6)")
    betas: tuple[float, float] = Field(default=(0.9, 0.99), description="momentum of Adam (Table 6)")
    weight_decay: float = Field(default=0.0, ge=0, description="Adam without decay (Table 6)")
    batch_size: PositiveInt = Field(default=256, description="pictures per step over all devices (Table 6)")
    steps: PositiveInt = Field(default=500_000, description="training steps (Table 6; Muse: 1M)")
    continuous_steps: int = Field(
        default=0, ge=0, description="first steps without quantising, so that codes are placed by a trained encoder"
    )
    warmup_steps: int = Field(default=10_000, ge=0, description="linear warm-up of the learning rate (Table 6)")
    decay: Literal["constant", "cosine"] = Field(
        default="cosine", description="learning rate after the warm-up (Table 6)"
    )

    @model_validator(mode="after")
    def _steps(self) -> Self:
        if self.continuous_steps > self.steps:
            raise ValueError(f"continuous_steps {self.continuous_steps} are more than all steps, {self.steps}")
        return self


class TokenizerPreset(Settings):
    """Everything that a tokenizer's training needs to know."""

    model: TokenizerConfig
    losses: TokenizerLossConfig
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    optimization: TokenizerOptimization = TokenizerOptimization()
