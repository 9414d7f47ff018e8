"""Settings of the VLM: adapter, resampler, gated cross-attention, and what joins them.

Field comments name the table of the Synth² paper that fixes a value; where the paper is silent they say so.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from pairsmith.settings import Settings

CodebookNorm = Literal["none", "layernorm", "standardize", "whiten"]


class AdapterConfig(Settings):
    """The VQ adapter: a ViT over the grid of codebook vectors (Synth² appendix A.4, Table 9)."""

    layers: int = Field(default=12, ge=0, description="transformer blocks; ViT-B has 12, ViT-L 24")
    heads: int = Field(default=12, ge=1, description="attention heads; ViT-B has 12, ViT-L 16")
    width: int = Field(default=768, ge=1, description="channels; ViT-B has 768, ViT-L 1024")
    mlp_width: int = Field(default=3072, ge=1, description="hidden channels of the MLP; ViT-B has 3072, ViT-L 4096")

    @model_validator(mode="after")
    def _heads_divide_width(self) -> AdapterConfig:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
        return self


class ResamplerConfig(Settings):
    """The Perceiver resampler (Synth² Table 7)."""

    layers: int = Field(default=6, ge=1, description="layers (Table 7)")
    heads: int = Field(default=16, ge=1, description="attention heads (Table 7)")
    width: int = Field(default=1024, ge=1, description="channels of latents and media (Table 7: embedding hidden dim)")
    latents: int = Field(default=64, ge=1, description="latent queries an image (Synth² section 4.1.2)")
    mlp_width: int = Field(default=4096, ge=1, description="hidden channels; 4 x width as in Flamingo")
    latents_from_media: bool = Field(default=False, description="add pooled features to the first latents")
    media_times: int = Field(default=0, ge=0, description="images with a learned index embedding; 0 = none")

    @model_validator(mode="after")
    def _heads_divide_width(self) -> ResamplerConfig:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
        return self


class GatedAttentionConfig(Settings):
    """The trainable gated blocks between the frozen layers of the language model (as in Flamingo)."""

    heads: int = Field(default=8, ge=1, description="attention heads; not in the paper, 8 in OpenFlamingo")
    head_width: int = Field(default=64, ge=1, description="channels a head; not in the paper, 64 in OpenFlamingo")
    feed_forward_ratio: float = Field(default=4.0, gt=0, description="hidden width of the feed-forward / LM width")
    every_n: int = Field(default=1, ge=1, description="a gated block before every n-th LM layer (4.1.2: 1)")


class VLMConfig(Settings):
    """Everything that fixes the trainable part of a VLM; the language model brings its own configuration."""

    codebook_size: int = Field(default=8192, ge=2, description="codes of the tokenizer (Table 6)")
    code_dim: int = Field(default=256, ge=1, description="channels of a codebook vector; 256 as in MaskGIT and Muse")
    grid: int = Field(default=16, ge=1, description="tokens along one side of an image: 256 px / 16 (section 4.1.2)")
    codebook_norm: CodebookNorm = Field(
        default="layernorm",
        description="how codebook vectors are scaled before the adapter: none, layernorm (each vector), "
        "standardize (each dimension), whiten (PCA)",
    )
    adapter: AdapterConfig = AdapterConfig()
    resampler: ResamplerConfig = ResamplerConfig()
    gated: GatedAttentionConfig = GatedAttentionConfig()
    dropout: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="on trainable residual branches while training; 0.1 when fine-tuning (A.2)",
    )
    gate_lr_scale: float = Field(default=1.0, gt=0, description="learning rate of the gates / of the rest")
    caption_prompt: str = Field(
        default="",
        description="text between the start token and every caption, without loss; for language models whose start "
        "token calls for something else than text, as that of a chat template calls for a role",
    )

    @property
    def num_tokens(self) -> int:
        """Tokens an image, `grid` squared."""
        return self.grid**2
