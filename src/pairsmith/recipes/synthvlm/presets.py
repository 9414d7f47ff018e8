"""Complete settings of the recipe by name.

tiny   drawn scenes of 64 pixels and the parts that ship for them; two CPU cores, under twenty minutes. No paper.
small  the user's pairs, SDXL-Turbo at 512 pixels, SigLIP and SmolLM2-360M; one GPU. No paper.
paper  SynthVLM as published, as far as it is: the paper's supplement for rules and drawing, its public code where that
       is silent, LLaVA-1.5's own settings for training.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pairsmith.captions.filters import FilterSettings, ScoreRule, published
from pairsmith.curation.scores.clip import ClipSettings
from pairsmith.curation.scores.ssim import SsimSettings
from pairsmith.errors import InputError
from pairsmith.generators.diffusers.settings import DiffusersSettings
from pairsmith.recipes.scene_models.flow import SAMPLING
from pairsmith.recipes.settings import SCENES
from pairsmith.recipes.synth2.presets import TINY as SYNTH2_TINY
from pairsmith.recipes.synth2.settings import WriterSettings
from pairsmith.recipes.synthvlm.settings import (
    CurationSettings,
    EvaluationSettings,
    ImageSettings,
    InstructionSettings,
    ScoreSettings,
    SelectionRule,
    SourceSettings,
    SynthvlmSettings,
)
from pairsmith.settings import load_settings
from pairsmith.training.llava.presets import PAPER_1, PAPER_2, SMALL_1, SMALL_2, TINY_1, TINY_2
from pairsmith.training.llava.settings import LlavaSettings

TOP_SHARE = 0.4  # of captions by CLIPScore with their original pictures (paper)
_CAPTION_PROMPT = "Describe this picture in one sentence."


def _training(stage: LlavaSettings, *, epochs: float | None = None, **changes: object) -> LlavaSettings:
    return stage.model_copy(update={"epochs": epochs, "training": stage.training.model_copy(update=changes)})


TINY = SynthvlmSettings(
    seeds=3,
    world=SYNTH2_TINY.world,
    source=SourceSettings(pairs=3000, test=300),
    curation=CurationSettings(
        # Sentences of scenes differ by a word or two, so only exact repetitions are repetitions.
        filters=FilterSettings(near_duplicates=None, scores=(ScoreRule(name="clip", keep_top=TOP_SHARE),)),
    ),
    images=ImageSettings(generator=SCENES, flow=SAMPLING, repeat=2),
    scoring=ScoreSettings(
        clip=ClipSettings(model=SCENES, prefix=""),
        ssim=SsimSettings(base=64, size=28),  # the published 768 and 336, shrunk to pictures of 64 pixels
    ),
    selection=SelectionRule(share=0.5),
    instructions=InstructionSettings(scenes=1500),
    stage_1=_training(TINY_1, steps=100, batch_size=32, log_every=20),
    stage_2=_training(TINY_2, steps=80, batch_size=16, log_every=20),
)

SMALL = SynthvlmSettings(
    seeds=1,
    source=SourceSettings(test=1000, max_pairs=50_000),
    curation=CurationSettings(
        filters=published().model_copy(
            update={"perplexity": None, "verdict": None, "scores": (ScoreRule(name="clip", keep_top=TOP_SHARE),)}
        ),
    ),
    images=ImageSettings(
        generator="stabilityai/sdxl-turbo",
        diffusers=DiffusersSettings(steps=1, guidance=0.0, width=512, height=512, precision="fp16", block_rows=8),
        repeat=2,
    ),
    scoring=ScoreSettings(ssim=SsimSettings(base=512, size=224)),  # SigLIP's input
    selection=SelectionRule(share=0.5),
    stage_1=_training(SMALL_1, steps=40),  # one pass over 10,000 selected pairs
    stage_2=_training(SMALL_2, epochs=1.0),
    evaluation=EvaluationSettings(prompt=_CAPTION_PROMPT, max_new_tokens=48, batch_rows=32),
)

PAPER = SynthvlmSettings(
    seeds=1,
    source=SourceSettings(test=5000),
    curation=CurationSettings(
        filters=published(original_image=True),  # supplement, table 1, and the top 40 %
        judge=WriterSettings(kind="transformers", model="meta-llama/Meta-Llama-3-70B-Instruct"),  # supplement
    ),
    images=ImageSettings(
        generator="stabilityai/stable-diffusion-xl-base-1.0",
        diffusers=DiffusersSettings(
            steps=60,  # supplement
            width=1024,  # supplement
            height=1024,
            guidance=20.0,  # of the public configuration; the paper names none
            precision="fp16",  # public configuration
            block_rows=8,
        ),
        repeat=1,  # README of the public code
    ),
    scoring=ScoreSettings(clip=ClipSettings(prefix="A photo depicts "), ssim=SsimSettings(base=768)),  # public code
    selection=SelectionRule(by="clip + 0.5 * ssim", share=0.1),  # 100K of 1M
    stage_1=_training(PAPER_1),  # 391 steps: one pass over 100K pairs, for every arm
    stage_2=_training(PAPER_2, epochs=1.0),
    evaluation=EvaluationSettings(prompt=_CAPTION_PROMPT, max_new_tokens=64, batch_rows=16),
)

PRESETS: dict[str, SynthvlmSettings] = {"tiny": TINY, "small": SMALL, "paper": PAPER}


def load_preset(
    name: str, *, own_pairs: bool = False, file: Path | None = None, overrides: Sequence[str] = ()
) -> SynthvlmSettings:
    """A preset with a YAML file and `a.b=c` overrides laid over it.

    Raises:
        InputError: no such preset, one that has no scenes without own pairs, or a bad setting.
    """
    if name not in PRESETS:
        raise InputError(f"there is no preset {name!r}; there are {', '.join(PRESETS)}")
    if name != "tiny" and not own_pairs:
        raise InputError(f"the preset {name!r} needs your own pairs: give --real FOLDER")
    return load_settings(SynthvlmSettings, PRESETS[name].to_dict(), file, overrides)
