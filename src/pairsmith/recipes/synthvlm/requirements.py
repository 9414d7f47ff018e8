"""What a run needs and may not have, asked before any work begins: every model that its settings name.

Only names, folders and configurations are looked at; weights are not read. What finished stages needed is not asked for
again. Of a language model behind a server the server alone knows the names.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import AutoConfig

from pairsmith.captions.causal_model import CausalModel
from pairsmith.errors import InputError
from pairsmith.pairs.reopening import is_complete
from pairsmith.recipes.settings import SCENES
from pairsmith.recipes.synthvlm.settings import ITM_SCORE, SynthvlmSettings

_SCORER_FILE = "open_clip_config.json"


def check_models(settings: SynthvlmSettings, out: Path, own_pairs: bool) -> None:
    """Whether every model that the settings name, and that is still needed, can be had.

    Args:
        settings: of the recipe.
        out: the run's folder, which may hold finished stages.
        own_pairs: instead of scenes.

    Raises:
        InputError: a part of scenes for own pairs, only one part of LLaVA of scenes, or no model under a name.
    """
    images, scoring, parts = settings.images, settings.scoring, settings.stage_1.parts
    named = {
        "images.generator": images.generator,
        "scoring.clip.model": scoring.clip.model,
        "stage_1.parts.vision_tower": parts.vision_tower,
        "stage_1.parts.language_model": parts.language_model,
    }
    if own_pairs:
        for name, value in named.items():
            if value == SCENES:
                raise InputError(
                    f"setting {name!r}: 'scenes' knows drawn scenes alone; own pairs need another, by folder or name"
                )
    if (parts.vision_tower == SCENES) != (parts.language_model == SCENES):
        raise InputError("settings 'stage_1.parts': vision tower and language model of scenes go together: take both")
    for name in ("stage_1.parts.vision_tower", "stage_1.parts.language_model"):
        if named[name] != SCENES:
            _check(name, named[name], AutoConfig.from_pretrained)
    if not is_complete(out / "captions"):
        _check_curation(settings)
    if images.generator != SCENES and not is_complete(out / "images"):
        _check("images.generator", images.generator, lambda source: _pipeline(source, images.diffusers.revision))
        if images.diffusers.refiner is not None:
            _check("images.diffusers.refiner", images.diffusers.refiner, _pipeline)
    if scoring.clip.model != SCENES and not (out / "evaluation" / "pairs.json").is_file():
        _check("scoring.clip.model", scoring.clip.model, _open_clip_model)


def _check_curation(settings: SynthvlmSettings) -> None:
    curation, itm = settings.curation, settings.scoring.itm
    if curation.filters.perplexity is not None:
        _check("curation.perplexity_model", curation.perplexity_model, _language_model)
    if curation.filters.verdict is not None and curation.judge is not None and curation.judge.kind == "transformers":
        _check("curation.judge.model", curation.judge.model, _language_model)
    if any(rule.name == ITM_SCORE for rule in curation.filters.scores):
        _check("scoring.itm.model", itm.model, lambda source: AutoConfig.from_pretrained(source, revision=itm.revision))


def _check(setting: str, source: str, look: Callable[[str], Any]) -> None:
    """
    Raises:
        InputError: `look` finds no model of this name.
    """
    try:
        look(source)
    except (InputError, OSError, ValueError) as error:  # the hub's errors are of the last two kinds
        raise InputError(f"setting {setting!r}: {source}: {str(error).splitlines()[0]}") from error


def _language_model(source: str) -> None:
    if source == "smollm2":
        CausalModel.smollm2()
    else:
        AutoConfig.from_pretrained(source)


def _pipeline(source: str, revision: str | None = None) -> None:
    from diffusers import DiffusionPipeline

    DiffusionPipeline.load_config(source, revision=revision)


def _open_clip_model(source: str) -> None:
    """As `load_open_clip` understands names."""
    if Path(source).is_dir():
        if not (Path(source) / _SCORER_FILE).is_file():
            raise InputError(f"the folder has no {_SCORER_FILE}, which open_clip's models have")
    elif source.startswith("hf-hub:"):
        from huggingface_hub import hf_hub_download

        name, _, revision = source.removeprefix("hf-hub:").partition("@")
        hf_hub_download(name, _SCORER_FILE, revision=revision or None)
    else:
        import open_clip

        name, _, weights = source.partition(":")
        if name not in open_clip.list_models():
            raise InputError(
                "neither a folder, nor hf-hub:ID, nor ARCHITECTURE:WEIGHTS as in ViT-B-32:laion2b_s34b_b79k"
            )
        if not open_clip.get_pretrained_cfg(name, weights) and not Path(weights).is_file():
            raise InputError(f"open_clip has no weights {weights!r} of {name}, and there is no such file")
