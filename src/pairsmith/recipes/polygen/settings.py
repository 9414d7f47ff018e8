"""Every setting of the PolyGen recipe, stage by stage.

What the paper does not tell (generators and their settings, numbers of captions, the final loss, the share of negatives
in a batch) is a setting here; the presets say which values are SynthCLIP's, which the first author's code has, and
which are ours.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from pairsmith.captions.credentials import plain_address
from pairsmith.captions.negatives.maker import Kind
from pairsmith.captions.settings import CaptionSettings
from pairsmith.recipes.settings import RecipeSettings
from pairsmith.scenes import WorldSettings
from pairsmith.settings import Settings
from pairsmith.training.clip.settings import ClipSettings

ArmName = Literal[
    "single", "repeated", "mixed", "ensemble", "negclip", "negatives", "negatives_constant", "negatives_step"
]
SCENES = "scenes"


class GeneratorSettings(Settings):
    """One generator of the ensemble: trained here on pairs of scenes, or a trained one by folder or hub name."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="in rows, arms and figures")
    kind: str = Field(default="masked", description="masked, flow, autoregressive ... as `train generator --kind`")
    source: str | None = Field(
        default=None, description="folder or hub name of a trained generator; null: it is trained here, on scenes"
    )
    tokenizer: str | None = Field(
        default=None,
        description="one of its own: folder or hub name of that whose tokens it draws, or of one with the same codes "
        "and another decoder; null: the run's",
    )
    preset: str = Field(default="tiny", description="trained here: the kind's preset")
    training: dict[str, Any] = Field(default={}, description="trained here: changes of that preset, nested")
    sampling: dict[str, Any] = Field(default={}, description="how it draws: settings of its kind")
    share: float = Field(default=1.0, gt=0, description="of an ensemble's pictures, in any unit")


class PairSettings(Settings):
    """The pairs of scenes that generators are trained on: balanced, and without the held-out combinations."""

    count: int = Field(default=12_000, gt=0, description="pairs, drawn independently")
    seed: int = Field(default=1, ge=0, description="of the draws, whatever the run's; 1 is that of the shipped parts")


class WriterSettings(Settings):
    """Who writes the base captions, from a concept and a value of a semantic axis."""

    kind: Literal["scenes", "transformers", "server"] = Field(
        default="scenes",
        description="scenes: the built-in world's grammar; transformers: an instruction-tuned language model in this "
        "process; server: any OpenAI-compatible server",
    )
    model: str = Field(default="smollm2", description="transformers: smollm2, a folder or hub id; server: its name")
    base_url: str | None = Field(default=None, description="server: its address, such as http://127.0.0.1:8000/v1")
    concepts: str | None = Field(
        default=None, description="file of concepts; null: WordNet's nouns (the paper: MetaCLIP's bank of 500,000)"
    )
    temperature: float = Field(default=0.7, ge=0, description="SynthCLIP: 0.7")
    top_p: float = Field(default=0.95, gt=0, le=1, description="SynthCLIP: 0.95")

    @field_validator("base_url")
    @classmethod
    def _can_be_stored(cls, value: str | None) -> str | None:
        return None if value is None else plain_address(value)

    @model_validator(mode="after")
    def _server_has_an_address(self) -> WriterSettings:
        if (self.kind == "server") != (self.base_url is not None):
            raise ValueError("base_url, a server's address such as http://127.0.0.1:8000/v1, goes with kind=server")
        return self


class NegativeChoice(Settings):
    """How a caption's hard negative is made."""

    by: Literal["rules", "editor"] = Field(
        default="rules",
        description="rules: word lists; editor: a language model edits one slot of the caption, and the edit is "
        "verified (the paper: Llama 3.1)",
    )
    kinds: tuple[Kind, ...] = Field(
        default=(
            "attribute_swap",
            "object_swap",
            "attribute_replacement",
            "object_replacement",
            "relation_replacement",
            "number_change",
        ),
        min_length=1,
        description="rules: kinds to draw from; of those that a caption allows each has equal chances",
    )
    model: str = Field(default="smollm2", description="editor: the language model, as the writer's")
    base_url: str | None = Field(default=None, description="editor: a server's address; null: in this process")

    @field_validator("base_url")
    @classmethod
    def _can_be_stored(cls, value: str | None) -> str | None:
        return None if value is None else plain_address(value)


class RenderSettings(Settings):
    """Drawing the captions."""

    shard_rows: int = Field(default=500, gt=0, description="rows a shard; what a kill can cost")
    batch_rows: int = Field(default=64, gt=0, description="captions drawn at a time; changes nothing in what is made")


class SuiteSettings(Settings):
    """What the dual encoders are tested on. With `source` scenes everything is drawn; else every folder counts."""

    source: Literal["scenes", "folders"] = Field(default="scenes", description="the built-in world, or your folders")
    images: int = Field(default=500, ge=20, description="scenes: pictures of retrieval and compositional tests")
    per_class: int = Field(default=18, gt=0, description="scenes: pictures of a class to train on, and as many to test")
    transfer: tuple[str, ...] = Field(
        default=(), description="folders of classified pictures with train and test: linear probe and few-shot"
    )
    zero_shot: str | None = Field(default=None, description="folder of classified pictures: zero-shot (ImageNet)")
    retrieval: tuple[str, ...] = Field(default=(), description="captioned pictures in CLIP_benchmark's layout")
    sugarcrepe: str | None = Field(default=None, description="folder of SugarCrepe's files")
    sugarcrepe_pp: str | None = Field(default=None, description="folder of SugarCrepe++'s files")
    crepe_images: str | None = Field(default=None, description="folder of their pictures, COCO's val2017")
    episodes: int = Field(default=600, gt=0, description="of few-shot classification (LGSSL: 5,000)")
    batch_rows: int = Field(default=64, gt=0, description="pictures encoded at a time")


class ExaminationSettings(Settings):
    """What is measured of the generators themselves."""

    captions: int = Field(
        default=300, gt=3, description="that all generators draw and no arm does: spectra, variety, probe, truth"
    )
    oracle_steps: int = Field(default=300, gt=0, description="scenes: steps of the oracle that judges pictures")
    oracle_batch: int = Field(default=64, gt=0, description="scenes: rendered pictures a step of the oracle")
    examples: int = Field(default=8, gt=0, description="captions shown in the report, with all their pictures")


class PolygenSettings(RecipeSettings):
    """The recipe."""

    RECIPE = "polygen"
    SEEDED = ("captions",)

    arms: tuple[ArmName, ...] = Field(
        default=("single", "ensemble", "negatives", "negatives_constant"),
        description="single: one arm for each generator, every caption drawn once; repeated: one for each, fewer "
        "captions drawn `views` times; mixed: every caption once, by one of all; ensemble: fewer captions, each by "
        "`views` generators; negclip: the ensemble with negatives as texts; negatives: half of the pictures show hard "
        "negatives, under the ramp; _constant, _step: other curricula",
    )
    generators: tuple[GeneratorSettings, ...] = Field(min_length=1, description="the ensemble")
    baseline: str | None = Field(
        default=None,
        description="generator whose single arm is the baseline of delta MTL, in SynthCLIP's part; null: the first",
    )
    tokenizer: str | None = Field(
        default=None, description="of generators of tokens: folder or hub name; null: that of scenes"
    )
    language_model: str | None = Field(
        default=None,
        description="frozen, read by generators of tokens: folder or hub name; null: that of scenes",
    )
    budget: int = Field(gt=0, description="pictures of every arm")
    views: int | None = Field(
        default=None, gt=0, description="pictures of a caption in the ensembles (m); null: one by each generator"
    )
    batch_views: int | None = Field(
        default=None,
        gt=0,
        description="pictures of a caption in one batch; null: all of them. Fewer let a batch of the ensembles hold as "
        "many captions as a single generator's",
    )
    world: WorldSettings = Field(default=WorldSettings(), description="the built-in world, where scenes are drawn")
    pairs: PairSettings = PairSettings()
    writer: WriterSettings = WriterSettings()
    caption_count: int = Field(gt=0, description="captions to write; those without a usable negative are left out")
    captions: CaptionSettings = CaptionSettings()
    negatives: NegativeChoice = NegativeChoice()
    render: RenderSettings = RenderSettings()
    clip: ClipSettings = Field(description="model and training of every arm; views, negatives and shape are the arms'")
    tests: SuiteSettings = SuiteSettings()
    examination: ExaminationSettings = ExaminationSettings()

    @field_validator("arms")
    @classmethod
    def _each_once(cls, value: tuple[ArmName, ...]) -> tuple[ArmName, ...]:
        if not value or len(set(value)) < len(value):
            raise ValueError("name at least one arm, and none twice")
        return value

    @model_validator(mode="after")
    def _fitting(self) -> PolygenSettings:
        names = [generator.name for generator in self.generators]
        if len(set(names)) < len(names):
            raise ValueError("generators: two have the same name")
        if self.baseline is not None and self.baseline not in names:
            raise ValueError(f"baseline: there is no generator {self.baseline!r} among {', '.join(names)}")
        if self.clip.loss.negatives != "none" or self.clip.views != 1:
            raise ValueError("clip.loss.negatives and clip.views follow from the arm: leave them out")
        shown = min(self.view_count, self.batch_views or self.view_count)
        if self.clip.training.batch_size % shown:
            raise ValueError(
                f"clip.training.batch_size: {self.clip.training.batch_size} pictures are no whole number of captions "
                f"with {shown} pictures each"
            )
        if (self.tokenizer is None) != (self.language_model is None):
            raise ValueError("tokenizer and language_model belong together: give both or none")
        made_here = [generator.name for generator in self.generators if generator.source is None]
        if made_here and self.writer.kind != SCENES:
            raise ValueError(
                f"generators: {made_here[0]} would be trained here, on scenes, and the captions are not about scenes; "
                "give its source"
            )
        return self

    @property
    def view_count(self) -> int:
        """m: pictures of a caption in the ensembles."""
        return self.views or len(self.generators)

    @property
    def on_scenes(self) -> bool:
        """Whether the captions are about the built-in world, so that their truth is known."""
        return self.writer.kind == SCENES
