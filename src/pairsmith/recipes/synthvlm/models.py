"""What the recipe takes as pre-trained: an image generator, the scorer, and the parts of a LLaVA.

On scenes these are the parts that ship for the built-in world, copied into the run's folder; otherwise what the
settings name: a pipeline of diffusers, an open_clip model, a vision tower and a language model.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pairsmith.curation.encoders import SharedModels
from pairsmith.curation.registry import make_score
from pairsmith.curation.score import PairScore
from pairsmith.curation.scores.clip import ClipScore, ClipSettings
from pairsmith.recipes.scene_llava.parts import load_named_parts
from pairsmith.recipes.scene_models.flow import SceneReaders, scene_flow
from pairsmith.recipes.scene_models.scorer import SceneScorerSettings, scene_scorer, scorer_mark
from pairsmith.recipes.settings import SCENES
from pairsmith.recipes.synthvlm.settings import ITM_SCORE, PAIR_SCORES, SynthvlmSettings
from pairsmith.stages.generator_kinds import generator_kind
from pairsmith.stages.generator_kinds.kind import RenderRequest
from pairsmith.stages.renderer import Renderer
from pairsmith.stages.token_renderer import TokenRenderer
from pairsmith.training.llava.run import MakeModel
from pairsmith.training.synthesis import Synthesizer
from pairsmith.vlm.llava.assembly import assemble


class SceneClipScore(ClipScore):
    """CLIPScore by the scorer of scenes, which is known by what it was made with, wherever the run's folder lies.

    Args:
        settings: of the score, the model aside.
        folder: of the scorer.
        models: what scores share.
    """

    def __init__(self, settings: ClipSettings, folder: Path, models: SharedModels) -> None:
        super().__init__(settings.model_copy(update={"model": str(scene_scorer(folder))}), models)

    def describe(self) -> dict[str, Any]:
        """The settings, with the scorer's mark in place of its folder."""
        return {**super().describe(), "model": f"{SCENES} {scorer_mark(SceneScorerSettings())}"}


def pair_scores(settings: SynthvlmSettings, folder: Path, device: str, *, originals: bool) -> dict[str, PairScore]:
    """The scores of pairs by name.

    Args:
        settings: of the recipe.
        folder: of the run's models.
        device: where they compute.
        originals: also those that filters of captions ask original pairs for.
    """
    scoring, models = settings.scoring, SharedModels(device)
    kinds: dict[str, Any] = dict(zip(PAIR_SCORES, (scoring.clip, scoring.ssim), strict=True))
    found = {name: make_score(name, values, models) for name, values in kinds.items()}
    if scoring.clip.model == SCENES:
        found["clip"] = SceneClipScore(scoring.clip, folder / "scorer", models)
    if originals and any(rule.name == ITM_SCORE for rule in settings.curation.filters.scores):
        found[ITM_SCORE] = make_score("itm", scoring.itm, models)
    return found


def open_generator(settings: SynthvlmSettings, folder: Path, device: str) -> Renderer:
    """The generator, ready to draw.

    Raises:
        InputError: it cannot be loaded.
    """
    images = settings.images
    if images.generator == SCENES:
        generator = scene_flow(folder / "flow").to(device)
        readers = SceneReaders.load()
        readers.lm.to(device)
        encoder = readers.text_encoder(generator.config.max_text, generator.config.text_layer)
        synthesizer = Synthesizer(generator, encoder, images.flow, settings.seed)
        return TokenRenderer(synthesizer, readers.tokenizer.to(device), images=True, name="flow")
    return generator_kind("diffusers").open(
        RenderRequest(images.generator, images.diffusers, settings.seed, device, images=True)
    )


def new_llava(settings: SynthvlmSettings, folder: Path, seed: int) -> MakeModel:
    """What stage 1 starts from: the parts with a new projector.

    Args:
        settings: of the recipe.
        folder: of the run's models.
        seed: of the projector.
    """
    stage = settings.stage_1

    def make() -> tuple[Any, Any]:
        return assemble(
            load_named_parts(stage.parts.vision_tower, stage.parts.language_model, folder),
            feature_layer=stage.parts.feature_layer,
            select=stage.parts.select,
            aspect=stage.aspect,
            system=stage.system,
            seed=seed,
        )

    return make
