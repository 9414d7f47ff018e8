"""Architecture settings of generators that draw tokens, with the table of the paper that each default follows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal, Self

from pydantic import Field, model_validator

from pairsmith.settings import Settings


class TextToTokensConfig(Settings, ABC):
    """What all generators have that read a language model's features and draw tokens with a transformer.

    Defaults are Synth² table A.1.3 where the paper gives a value.

    Raises:
        pydantic.ValidationError: `width` is no multiple of `heads`.
    """

    layers: int = Field(default=12, ge=1, description="transformer blocks; table A.1.3")
    heads: int = Field(default=12, ge=1, description="attention heads a block; table A.1.3")
    width: int = Field(default=768, ge=1, description="residual stream width; table A.1.3 'embedding hidden dim'")
    mlp_width: int = Field(default=3072, ge=1, description="hidden width of each MLP; table A.1.3")
    dropout: float = Field(
        default=0.1, ge=0, lt=1, description="on embeddings and on the output of each sublayer; A.1.3"
    )
    codebook_size: int = Field(default=8192, ge=2, description="classes of the output; A.1.3")
    grid: int = Field(default=16, ge=1, description="tokens a side: 256 pixels, 16 times downsampled; §A.1.1")
    codes: str | None = Field(
        default=None,
        description="fingerprint of the codes that the tokens stand for, `VQTokenizer.codes_fingerprint`; filled in "
        "from the tokenizer that it is trained with; null: not known, so not checked",
    )
    text_dim: int = Field(
        default=1024, ge=1, description="width of the frozen language model's features; not in the paper"
    )
    max_text: int = Field(default=64, ge=1, description="text tokens; table A.1.3 'max sample length'")
    text_layer: int = Field(
        default=-1,
        description="which hidden states of the language model are read: -1 the last, -2 the one before; filled in "
        "from the text encoder that it is trained with",
    )
    text_model: str | None = Field(
        default=None,
        description="fingerprint of that language model and its tokenizer, `TextEncoder.fingerprint`; filled in from "
        "the text encoder that it is trained with; null: not known, so not checked",
    )
    text_norm: Literal["layer", "rms"] = Field(
        default="layer", description="per-token norm of the text features: first tokens of causal LMs have huge norms"
    )
    text_projection: Literal["linear", "mlp"] = Field(
        default="mlp", description="from text_dim to width; mlp has two layers"
    )
    text_layers: int = Field(
        default=0,
        ge=0,
        description="trained bidirectional layers over the text: a causal model's features have not seen what follows",
    )

    @property
    def num_tokens(self) -> int:
        """Tokens of one picture, raster order."""
        return self.grid**2

    @property
    @abstractmethod
    def uses_codebook(self) -> bool:
        """Whether the model is built on the tokenizer's code vectors, and has their width as `code_dim`."""

    @model_validator(mode="after")
    def _heads_fit(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is no multiple of heads {self.heads}")
        return self


class CodesConfig(TextToTokensConfig):
    """What generators have that read and propose codes: free vectors for each, or the tokenizer's code vectors.

    Raises:
        pydantic.ValidationError: `codebook_tied` without a `code_dim`.
    """

    codebook_tied: bool = Field(
        default=False,
        description="build token inputs and outputs on the tokenizer's code vectors, so rare codes share weights",
    )
    code_dim: int | None = Field(default=None, ge=1, description="width of a code vector; needed when codebook_tied")
    codebook_residual: bool = Field(
        default=True, description="with codebook_tied: free per-code corrections that start at zero, and an output bias"
    )

    @property
    def uses_codebook(self) -> bool:
        return self.codebook_tied

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.codebook_tied and self.code_dim is None:
            raise ValueError("codebook_tied needs code_dim, the width of the tokenizer's code vectors")
        return self


class GeneratorConfig(CodesConfig):
    """Architecture of `MaskedGenerator`."""

    @property
    def mask_id(self) -> int:
        """The id that stands for a token not yet known; never an output."""
        return self.codebook_size
