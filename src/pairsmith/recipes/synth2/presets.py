"""Complete settings of the recipe by name.

tiny   drawn scenes of 64 pixels, 16 tokens; two CPU cores, about ten minutes. No paper.
small  128 pixels, 64 tokens, SmolLM2-135M; the user's own pairs; one GPU, hours. No paper.
paper  Synth² as published: 256 pixels, 256 tokens, a 400M language model, 500k steps; 256 accelerators.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pairsmith.captions.prompts import Prompt
from pairsmith.captions.settings import CaptionSettings, CheckSettings
from pairsmith.errors import InputError
from pairsmith.generators import presets as generators
from pairsmith.generators.masking import MaskingSettings
from pairsmith.generators.sampling import SamplingSettings
from pairsmith.recipes.synth2.settings import (
    PAPERS_LANGUAGE_MODEL,
    DataSettings,
    EvaluationSettings,
    LanguageModelSettings,
    SpeedSettings,
    Synth2Settings,
    SynthesisSettings,
    TokenizerSettings,
    WriterSettings,
    check_derived,
)
from pairsmith.scenes import WorldSettings
from pairsmith.settings import load_settings
from pairsmith.tokenizer import presets as tokenizers
from pairsmith.tokenizer.config import TokenizerPreset
from pairsmith.training.settings import TrainingSettings
from pairsmith.vlm import presets as vlms
from pairsmith.vlm.generation import GenerationSettings

# The scenes' language model was trained on whole captions, so nothing is asked of it and little can be wrong.
FREE_CAPTION = Prompt(name="scene", template="", min_words=5, max_words=30, sentence=False)


def tokenizer_of(preset: TokenizerPreset) -> TokenizerSettings:
    """A tokenizer preset as the recipe's settings; how it is trained is the other half."""
    optimization = preset.optimization
    return TokenizerSettings(
        model=preset.model,
        losses=preset.losses,
        discriminator=preset.discriminator,
        discriminator_learning_rate=optimization.discriminator_learning_rate,
        continuous_steps=optimization.continuous_steps,
    )


def training_of(preset: TokenizerPreset, **changes: Any) -> TrainingSettings:
    """A tokenizer preset's optimisation as settings of the training loop; `changes` are further settings of it."""
    values = preset.optimization.to_dict()
    shared = ("steps", "batch_size", "learning_rate", "warmup_steps", "decay", "weight_decay", "betas")
    return TrainingSettings(**{name: values[name] for name in shared}, **changes)


TINY = Synth2Settings(
    arms=("baseline", "synthetic", "pixels", "gold"),
    world=WorldSettings(
        classes=("circle", "square", "triangle", "star", "cross", "heart", "ring", "house"),
        colours=("red", "green", "blue", "yellow", "purple", "orange"),
        backgrounds=("black", "white", "gray"),
        max_group=3,
    ),
    data=DataSettings(real=4000, class_exponent=0.7, colour_exponent=0.5, pictures=6000, text=8000, test=400),
    tokenizer=tokenizer_of(tokenizers.TINY),
    tokenizer_training=training_of(tokenizers.TINY, log_every=200),
    language_model=LanguageModelSettings(source="scenes", max_text=32, text_layer=1),
    language_model_training=TrainingSettings(
        steps=160, batch_size=64, learning_rate=2e-3, warmup_steps=30, decay="cosine", weight_decay=0.0, log_every=40
    ),
    generator=generators.TINY,
    masking=MaskingSettings(label_smoothing=0.0, min_ratio=0.5),
    generator_training=TrainingSettings(
        steps=1000,
        batch_size=64,
        learning_rate=1e-3,
        warmup_steps=50,
        decay="cosine",
        weight_decay=0.01,
        betas=(0.9, 0.96),
        log_every=100,
    ),
    cached_captions=4000,
    # A scene's caption leaves nothing open, so nothing is gained by guidance or by tokens drawn far from the likeliest.
    sampling=SamplingSettings(steps=3, guidance=0.0, temperature=0.5, choice_temperature=4.5, block_rows=16),
    writer=WriterSettings(kind="language-model"),
    captions=CaptionSettings(
        prompt=FREE_CAPTION,
        checks=CheckSettings(concept=False, meta=False, repetition=False, max_tokens=generators.TINY.max_text),
        duplicates="keep",
    ),
    synthesis=SynthesisSettings(captions=4000, fraction=0.5, mode="stored"),
    vlm=vlms.TINY,
    vlm_training=TrainingSettings(
        steps=500,
        batch_size=32,
        learning_rate=5e-4,
        warmup_steps=50,
        decay="cosine",
        weight_decay=1e-4,
        log_every=100,
    ),
    evaluation=EvaluationSettings(generation=GenerationSettings(max_new_tokens=24), every=125, faithfulness=300),
    speed=SpeedSettings(steps=6, rounds=6, warmup=2),
)

# The tiny preset on real photographs: the packaged language model writes and reads, the world plays no part. So few
# steps show that everything works, not what it is worth.
_REAL_LM = LanguageModelSettings(source="smollm2", max_text=48, text_layer=-2)
_CLASS_CAPTIONS = CaptionSettings(
    checks=CheckSettings(concept=True, meta=True, repetition=True, max_tokens=64), strip_prefix=True
)

SMALL = TINY.model_copy(
    update={
        "arms": ("baseline", "synthetic", "pixels"),
        "data": DataSettings(test=1000),
        "tokenizer": tokenizer_of(tokenizers.SMALL),
        "tokenizer_training": training_of(tokenizers.SMALL, checkpoint_every=2_500),
        "language_model": LanguageModelSettings(source="smollm2", max_text=64, text_layer=-2),
        "language_model_training": None,
        "generator": generators.SMALL,
        "masking": MaskingSettings(),
        "generator_training": TrainingSettings(
            steps=60_000,
            batch_size=128,
            learning_rate=2e-4,
            warmup_steps=1_000,
            decay="cosine",
            precision="bf16",
            betas=(0.9, 0.96),
            weight_decay=0.045,
            checkpoint_every=2_500,
        ),
        "cached_captions": 0,
        "sampling": SamplingSettings(steps=16, block_rows=64),
        "writer": WriterSettings(kind="transformers"),
        "captions": _CLASS_CAPTIONS,
        "synthesis": SynthesisSettings(captions=50_000, fraction=0.5, mode="online"),
        "vlm": vlms.SMALL,
        "vlm_training": TrainingSettings(
            steps=20_000,
            batch_size=128,
            learning_rate=2e-4,
            warmup_steps=1_000,
            decay="cosine",
            precision="bf16",
            checkpoint_every=1_000,
        ),
        "evaluation": EvaluationSettings(generation=GenerationSettings(mode="beam", max_new_tokens=30), every=2_000),
        "speed": SpeedSettings(steps=20, rounds=5, warmup=5),
    }
)

PAPER = SMALL.model_copy(
    update={
        "data": DataSettings(test=5000),  # the Karpathy test split of COCO (§4.1.1)
        "tokenizer": tokenizer_of(tokenizers.PAPER),  # Table 6
        "tokenizer_training": training_of(tokenizers.PAPER, checkpoint_every=5_000, parallel="ddp"),
        "language_model": LanguageModelSettings(source=PAPERS_LANGUAGE_MODEL, max_text=64),
        "generator": generators.PAPER,  # table A.1.3
        "masking": MaskingSettings(),
        "generator_training": TrainingSettings(
            steps=500_000,
            batch_size=512,
            learning_rate=1e-4,
            warmup_steps=5_000,
            weight_decay=1e-4,
            precision="bf16",
            checkpoint_every=5_000,
            parallel="ddp",
        ),
        "sampling": SamplingSettings(),  # 24 steps, guidance 4, choice temperature 32.5
        "synthesis": SynthesisSettings(captions=1_000_000, fraction=0.5, mode="online"),  # GenPair
        "vlm": vlms.PAPER_B,
        "vlm_training": TrainingSettings(
            steps=500_000,
            batch_size=512,
            learning_rate=1e-4,
            warmup_steps=5_000,
            weight_decay=1e-4,
            precision="bf16",
            checkpoint_every=5_000,
            parallel="ddp",
        ),
        "evaluation": EvaluationSettings(generation=GenerationSettings(mode="beam", max_new_tokens=30), every=10_000),
    }
)

PRESETS: dict[str, Synth2Settings] = {"tiny": TINY, "small": SMALL, "paper": PAPER}


def load_preset(
    name: str, *, own_pairs: bool = False, file: Path | None = None, overrides: Sequence[str] = ()
) -> Synth2Settings:
    """A preset with a YAML file and `a.b=c` overrides laid over it, every stage's seed resolved.

    Raises:
        InputError: as `preset` and `load_settings`, or a setting that follows from others was given.
    """
    base = preset(name, own_pairs=own_pairs).to_dict()
    settings = load_settings(Synth2Settings, base, file, overrides)
    check_derived(settings, base)
    return settings.with_seeds()


def preset(name: str, *, own_pairs: bool = False) -> Synth2Settings:
    """Settings by name; for the user's own pairs, `tiny` exchanges what belongs to scenes.

    Raises:
        InputError: no such preset, or one that has no scenes without own pairs.
    """
    if name not in PRESETS:
        raise InputError(f"there is no preset {name!r}; there are {', '.join(PRESETS)}")
    settings = PRESETS[name]
    if name != "tiny":
        if not own_pairs:
            raise InputError(f"the preset {name!r} needs your own pairs: give --real FOLDER")
        return settings
    if not own_pairs:
        return settings
    return settings.model_copy(
        update={
            "arms": ("baseline", "synthetic", "pixels"),
            "data": DataSettings(test=16),
            "tokenizer": settings.tokenizer.model_copy(update={"continuous_steps": 200}),
            "tokenizer_training": settings.tokenizer_training.model_copy(update={"steps": 500, "batch_size": 8}),
            "language_model": _REAL_LM,
            "language_model_training": None,
            "generator": settings.generator.model_copy(update={"max_text": _REAL_LM.max_text}),
            "generator_training": settings.generator_training.model_copy(update={"steps": 120, "batch_size": 16}),
            "writer": WriterSettings(kind="transformers"),
            "captions": _CLASS_CAPTIONS.model_copy(
                update={"checks": _CLASS_CAPTIONS.checks.model_copy(update={"max_tokens": _REAL_LM.max_text})}
            ),
            "synthesis": SynthesisSettings(captions=48, fraction=0.5, mode="stored"),
            "vlm": settings.vlm.model_copy(update={"caption_prompt": vlms.CHAT_CAPTION_PROMPT}),
            "vlm_training": settings.vlm_training.model_copy(update={"steps": 60, "batch_size": 8, "warmup_steps": 10}),
            "evaluation": settings.evaluation.model_copy(update={"every": 20, "diversity_sample": 200}),
            "speed": SpeedSettings(steps=1, rounds=3, warmup=1),
        }
    )
