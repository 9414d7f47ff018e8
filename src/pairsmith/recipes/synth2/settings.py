"""Every setting of the Synth² recipe, stage by stage.

Sizes that follow from another model (the generator's codebook from the tokenizer's, its text width from the language
model's ...) are not asked for twice: `models` fills them in, and `check_derived` refuses others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from pairsmith.captions.credentials import plain_address
from pairsmith.captions.sampling import SamplingSettings as TextSampling
from pairsmith.captions.settings import CaptionSettings
from pairsmith.errors import InputError
from pairsmith.generators.config import GeneratorConfig
from pairsmith.generators.masking import MaskingSettings
from pairsmith.generators.sampling import SamplingSettings
from pairsmith.recipes.settings import RecipeSettings, look_up
from pairsmith.scenes import WorldSettings
from pairsmith.settings import Settings
from pairsmith.tokenizer.config import DiscriminatorConfig, TokenizerConfig, TokenizerLossConfig
from pairsmith.training.settings import TrainingSettings
from pairsmith.vlm.config import VLMConfig
from pairsmith.vlm.generation import GenerationSettings

Arm = Literal["baseline", "synthetic", "pixels", "gold"]
# Settings that follow from others, and from which.
DERIVED = {
    "generator.codebook_size": "tokenizer.model.codebook_size",
    "generator.grid": "tokenizer.model.image_size and tokenizer.model.multipliers",
    "generator.code_dim": "tokenizer.model.code_dim",
    "generator.codes": "the trained tokenizer",
    "generator.text_dim": "language_model.source",
    "generator.text_layer": "language_model.text_layer",
    "vlm.codebook_size": "tokenizer.model.codebook_size",
    "vlm.grid": "tokenizer.model.image_size and tokenizer.model.multipliers",
    "vlm.code_dim": "tokenizer.model.code_dim",
}
PAPERS_LANGUAGE_MODEL = "chinchilla-400m"  # of the paper's sizes; its weights were never released


class DataSettings(Settings):
    """How many rows of each kind. Of a user's own pairs only `test` and `max_real` apply."""

    real: int = Field(default=1500, gt=0, description="real pairs of scenes: scarce and long-tailed")
    class_exponent: float = Field(
        default=1.0, ge=0, description="Zipf exponent of the real pairs' classes; 0 is balanced"
    )
    colour_exponent: float = Field(default=0.5, ge=0, description="Zipf exponent of each class's colours")
    pictures: int = Field(
        default=6000, gt=0, description="unpaired scene pictures that the tokenizer is pre-trained on"
    )
    text: int = Field(
        default=10_000, gt=0, description="unpaired sentences that the scenes' language model is trained on"
    )
    test: int = Field(
        default=300, gt=1, description="test images with references; of own pairs, images held back for the test"
    )
    max_real: int | None = Field(
        default=None, gt=0, description="own pairs used at most, a random sample by `seed`; null: all"
    )


class TokenizerSettings(Settings):
    """The VQ-GAN; `tokenizer_training` says how it is trained (paper A.1.1, Table 6)."""

    model: TokenizerConfig
    losses: TokenizerLossConfig
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    discriminator_learning_rate: float = Field(
        default=1e-4, gt=0, description="peak learning rate of the discriminator (Table 6)"
    )
    continuous_steps: int = Field(
        default=0, ge=0, description="first steps without quantising, so that codes are placed by a trained encoder"
    )


class LanguageModelSettings(Settings):
    """The one frozen language model: it embeds captions for the generator and speaks in the VLM (paper §4.1.2)."""

    source: str = Field(
        default="scenes",
        description="scenes: a small one trained here on text alone; smollm2: the packaged SmolLM2-135M-Instruct; "
        "or a folder or hub id of any causal language model",
    )
    width: int = Field(default=192, gt=0, description="scenes only: channels")
    layers: int = Field(default=4, gt=0, description="scenes only: layers")
    heads: int = Field(default=4, gt=0, description="scenes only: attention heads")
    max_text: int = Field(default=64, gt=0, description="text tokens at most, special tokens included (table A.1.3)")
    text_layer: int = Field(
        default=-1, description="hidden states that the generator reads; -1 the last, -2 the one before"
    )


class WriterSettings(Settings):
    """Who writes the captions."""

    kind: Literal["language-model", "transformers", "server"] = Field(
        default="language-model",
        description="language-model: the recipe's own LM writes freely; transformers: an instruction-tuned LM in this "
        "process answers the class prompt; server: any OpenAI-compatible server does",
    )
    model: str = Field(
        default="smollm2", description="transformers: smollm2, a folder or hub id; server: the model's name there"
    )
    base_url: str | None = Field(default=None, description="server: its address, such as http://127.0.0.1:8000/v1")
    concepts: str | None = Field(default=None, description="file with the user's own concepts; null: WordNet's nouns")
    sampling: TextSampling | None = Field(
        default=None,
        description="how tokens are drawn; null: the writer's own default; server: its temperature, top_p and "
        "max_new_tokens are asked for",
    )

    @field_validator("base_url")
    @classmethod
    def _can_be_stored(cls, value: str | None) -> str | None:
        return None if value is None else plain_address(value)

    @model_validator(mode="after")
    def _server_has_an_address(self) -> WriterSettings:
        if self.kind == "server" and self.base_url is None:
            raise ValueError("kind server needs base_url, the server's address, such as http://127.0.0.1:8000/v1")
        if self.kind != "server" and self.base_url is not None:
            raise ValueError(f"base_url belongs to kind server, and the kind is {self.kind}; set kind=server")
        return self


class SynthesisSettings(Settings):
    """The synthetic pairs and their place in a batch."""

    captions: int = Field(default=4000, gt=0, description="captions to write (GenPair: 1M)")
    fraction: float = Field(
        default=0.5, ge=0, le=1, description="synthetic part of every batch; the paper does not say"
    )
    mode: Literal["stored", "online"] = Field(
        default="stored",
        description="stored: one picture a caption, made once; online: new pictures every epoch, as the paper",
    )
    shard_rows: int = Field(default=1000, gt=0, description="rows a shard of the stored pairs")
    batch_rows: int = Field(default=64, gt=0, description="captions drawn at a time; changes nothing in what is made")


class EvaluationSettings(Settings):
    """What is measured, and how."""

    generation: GenerationSettings = Field(default=GenerationSettings(), description="how the VLM writes captions")
    batch_rows: int = Field(default=100, gt=0, description="images captioned at a time")
    every: int | None = Field(
        default=None, gt=0, description="VLM steps between points of the learning curve; null: end only"
    )
    clusters: int = Field(default=20, gt=1, description="k of the diversity measure (paper A.3: 20)")
    diversity_sample: int = Field(default=1000, gt=1, description="captions of each set that are clustered")
    oracle_steps: int = Field(
        default=300, gt=0, description="scenes only: training steps of the oracle that judges pictures"
    )
    oracle_batch: int = Field(default=64, gt=0, description="scenes only: rendered pictures a step of the oracle")
    faithfulness: int = Field(
        default=300,
        gt=1,
        description="test captions that the generator draws for its examination: their Fréchet distance, the report's "
        "pictures and, on scenes, faithfulness",
    )


class SpeedSettings(Settings):
    """The efficiency measurement of paper §4.2.4 and Table 5: synthesis on the fly, with and without pixels."""

    steps: int = Field(default=6, gt=0, description="timed training steps of each path in a round")
    rounds: int = Field(default=3, gt=0, description="rounds, the two paths in turn; their geometric mean counts")
    warmup: int = Field(default=2, ge=0, description="untimed steps before")


class Synth2Settings(RecipeSettings):
    """The recipe."""

    RECIPE = "synth2"
    SEEDED = ("tokenizer.model", "tokenizer.discriminator", "captions")

    arms: tuple[Arm, ...] = Field(
        default=("baseline", "synthetic", "pixels", "gold"), description="VLMs to train and compare"
    )
    world: WorldSettings = Field(default=WorldSettings(), description="the built-in world; not used with own pairs")
    data: DataSettings = DataSettings()
    tokenizer: TokenizerSettings
    tokenizer_training: TrainingSettings
    language_model: LanguageModelSettings = LanguageModelSettings()
    language_model_training: TrainingSettings | None = Field(default=None, description="scenes' language model only")
    generator: GeneratorConfig
    masking: MaskingSettings = MaskingSettings()
    generator_training: TrainingSettings
    cached_captions: int = Field(
        default=0, ge=0, description="real captions whose text features are kept in memory while the generator trains"
    )
    sampling: SamplingSettings = SamplingSettings()
    writer: WriterSettings = WriterSettings()
    captions: CaptionSettings = CaptionSettings()
    synthesis: SynthesisSettings = SynthesisSettings()
    vlm: VLMConfig
    vlm_training: TrainingSettings
    evaluation: EvaluationSettings = EvaluationSettings()
    speed: SpeedSettings = SpeedSettings()

    @model_validator(mode="after")
    def _codes_are_placed(self) -> Synth2Settings:
        continuous, steps = self.tokenizer.continuous_steps, self.tokenizer_training.steps
        if continuous >= steps:
            raise ValueError(f"tokenizer.continuous_steps {continuous} leave none of tokenizer_training.steps {steps}")
        return self


def check_derived(settings: Synth2Settings, base: Mapping[str, Any]) -> None:
    """Whether the sizes that follow from other settings were left alone.

    Args:
        settings: the user's.
        base: the preset that they come from.

    Raises:
        InputError: one was set; the setting that it follows is named.
    """
    sizes = settings.tokenizer.model
    right = {"codebook_size": sizes.codebook_size, "grid": sizes.grid, "code_dim": sizes.code_dim}
    right["text_layer"] = settings.language_model.text_layer
    values = settings.to_dict()
    for path, source in DERIVED.items():
        value = look_up(values, path)
        if value != look_up(base, path) and value != right.get(path.partition(".")[2]):
            raise InputError(f"setting {path!r} follows from {source}: set that, and leave this out")
