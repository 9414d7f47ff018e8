"""Every setting of the SynthVLM recipe, stage by stage (arXiv 2407.20756)."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from pairsmith.captions.filters import FilterSettings
from pairsmith.curation.expression import parse_expression
from pairsmith.curation.scores.clip import ClipSettings
from pairsmith.curation.scores.itm import ItmSettings
from pairsmith.curation.scores.ssim import SsimSettings
from pairsmith.errors import InputError
from pairsmith.generators.diffusers.settings import DiffusersSettings
from pairsmith.generators.flow.sampling import FlowSamplingSettings
from pairsmith.recipes.settings import SCENES, RecipeSettings
from pairsmith.recipes.synth2.settings import WriterSettings
from pairsmith.scenes import WorldSettings
from pairsmith.settings import Settings
from pairsmith.training.llava.settings import LlavaSettings

Arm = Literal["all", "random", "selected", "clip", "ssim", "real", "curated"]
PAIR_SCORES = ("clip", "ssim")  # of every pair, real and drawn
ITM_SCORE = "blip_itm"  # of real pairs, where a filter of captions asks for it


class SourceSettings(Settings):
    """The pairs that captions come from. Of a user's own pairs only `max_pairs` and `test` apply."""

    pairs: int = Field(default=3000, gt=0, description="drawn scenes with captions, the bad ones below among them")
    swapped: float = Field(default=0.2, ge=0, le=1, description="share of them with the caption of another picture")
    fragments: float = Field(default=0.05, ge=0, le=1, description="share with a piece of their caption")
    advertising: float = Field(default=0.05, ge=0, le=1, description="share with a caption that sells something")
    test: int = Field(default=300, gt=1, description="test images; of own pairs, images held back for the test")
    max_pairs: int | None = Field(
        default=None, gt=0, description="own pairs used at most, a random sample by `seed`; null: all"
    )

    @model_validator(mode="after")
    def _some_are_good(self) -> Self:
        if self.swapped + self.fragments + self.advertising > 1:
            raise ValueError("swapped, fragments and advertising are parts of one whole: they add up to more than 1")
        return self


class CurationSettings(Settings):
    """Which captions are kept: rules, a language model's verdict, and how well they fit their original pictures."""

    filters: FilterSettings = Field(description="filters of captions; `scores` are those of the original pairs")
    perplexity_model: str = Field(
        default="smollm2", description="of filters.perplexity: smollm2, or a folder or hub id of a language model"
    )
    judge: WriterSettings | None = Field(
        default=None, description="who answers filters.verdict: kind transformers or server"
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for rule in self.filters.scores:
            if rule.name not in (*PAIR_SCORES, ITM_SCORE):
                known = ", ".join((*PAIR_SCORES, ITM_SCORE))
                raise ValueError(f"filters.scores: the recipe gives original pairs {known}, and no {rule.name!r}")
        if self.filters.verdict is not None and (self.judge is None or self.judge.kind == "language-model"):
            raise ValueError("filters.verdict needs judge, with kind transformers or server; or set it to null")
        if self.filters.near_duplicates is not None and self.filters.near_duplicates.cosine is not None:
            raise ValueError("filters.near_duplicates.cosine needs an embedder, which the recipe has none of: null")
        return self


class ImageSettings(Settings):
    """What draws the curated captions, and how."""

    generator: str = Field(
        default=SCENES,
        description="scenes: the flow-matching generator of the built-in world; or folder or hub id of any "
        "text-to-image pipeline of diffusers",
    )
    flow: FlowSamplingSettings = Field(default=FlowSamplingSettings(), description="scenes only: how it draws")
    diffusers: DiffusersSettings = Field(default=DiffusersSettings(), description="pipelines only: how they draw")
    repeat: int = Field(default=1, gt=0, description="pictures a caption")
    shard_rows: int = Field(default=1000, gt=0, description="rows a shard")
    batch_rows: int = Field(default=64, gt=0, description="captions drawn at a time; changes nothing in what is made")


class ScoreSettings(Settings):
    """The scores. On scenes clip.model may be 'scenes'."""

    clip: ClipSettings = ClipSettings()
    ssim: SsimSettings = SsimSettings()
    itm: ItmSettings = Field(default=ItmSettings(), description="used where filters.scores names blip_itm")
    workers: int = Field(default=2, gt=0, description="threads that decode pictures")


class SelectionRule(Settings):
    """The selected pairs, and how many pairs the other arms take."""

    by: str = Field(default="clip + 0.5 * ssim", description="what selected pairs are ranked by")
    best_by: str = Field(default="clip", description="what the one picture kept of each caption is best by")
    share: float = Field(default=0.1, gt=0, le=1, description="K as a share of the captions that were drawn")
    half: float = Field(default=0.5, gt=0, le=1, description="share of all pairs that a score alone selects")

    @model_validator(mode="after")
    def _known_scores(self) -> Self:
        for text in (self.by, self.best_by):
            try:
                names = parse_expression(text).names
            except InputError as error:
                raise ValueError(str(error)) from error
            unknown = [name for name in names if name not in PAIR_SCORES]
            if unknown:
                raise ValueError(f"{text!r}: the recipe's scores are {' and '.join(PAIR_SCORES)}, not {unknown[0]!r}")
        return self


class InstructionSettings(Settings):
    """The conversations of stage 2, the same for all arms."""

    scenes: int = Field(default=2000, gt=0, description="drawn scenes with a caption and questions")
    file: str | None = Field(default=None, description="own pairs: JSON file in LLaVA's format; null: no stage 2")
    images: str | None = Field(default=None, description="folder that the paths in the file start from")


class EvaluationSettings(Settings):
    """What is measured, and how."""

    prompt: str = Field(default="describe the picture", description="what asks a model of stage 2 for a caption")
    max_new_tokens: int = Field(default=32, gt=0, description="longest caption or answer")
    beams: int = Field(default=1, gt=0, description="of the search; 1 is greedy")
    batch_rows: int = Field(default=100, gt=0, description="pictures looked at together")
    oracle_steps: int = Field(
        default=300, gt=0, description="scenes only: training steps of the oracle that judges pictures"
    )
    oracle_batch: int = Field(default=64, gt=0, description="scenes only: rendered pictures a step of the oracle")


class SynthvlmSettings(RecipeSettings):
    """The recipe."""

    RECIPE = "synthvlm"
    SHARDED = ("stage_1", "stage_2")

    arms: tuple[Arm, ...] = Field(
        default=("all", "random", "selected", "clip", "ssim", "real"), min_length=1,
        description="what LLaVAs are trained on: all drawn pairs; K of them at random; the selected K; the top half by "
        "one score; K real pairs as they were found; K pairs of curated captions with their original pictures",
    )  # fmt: skip
    world: WorldSettings = Field(default=WorldSettings(), description="the built-in world; not used with own pairs")
    source: SourceSettings = SourceSettings()
    curation: CurationSettings
    images: ImageSettings = ImageSettings()
    scoring: ScoreSettings = ScoreSettings()
    selection: SelectionRule = SelectionRule()
    stage_1: LlavaSettings
    stage_2: LlavaSettings | None = Field(default=None, description="null: the arms are compared after stage 1 alone")
    instructions: InstructionSettings = InstructionSettings()
    evaluation: EvaluationSettings = EvaluationSettings()

    @model_validator(mode="after")
    def _two_stages(self) -> Self:
        if len(set(self.arms)) < len(self.arms):
            raise ValueError("arms: one is named twice")
        if self.stage_1.tuning != "projector" or self.stage_1.style != "plain":
            raise ValueError("stage_1 trains the projector on captions: tuning projector, style plain")
        if self.stage_1.epochs is not None:
            raise ValueError("stage_1.epochs must be null: all arms take training.steps, however many pairs they have")
        if self.stage_2 is not None and self.stage_2.style == "plain":
            raise ValueError("stage_2 learns conversations: style vicuna_v1")
        return self
