"""The recipe's settings cut down until everything runs in seconds and learns nothing."""

from __future__ import annotations

from pathlib import Path

from pairsmith.recipes.synth2.presets import preset
from pairsmith.recipes.synth2.settings import Synth2Settings
from pairsmith.settings import load_settings
from tests.captions.tiny import tiny_llama, tiny_tokenizer

SMALL_MODELS = [
    "tokenizer.model.channels=8",
    "tokenizer.model.codebook_size=64",
    "tokenizer.model.code_dim=16",
    "tokenizer.model.norm_groups=4",
    "tokenizer.continuous_steps=1",
    "tokenizer_training.steps=3",
    "tokenizer_training.batch_size=4",
    "generator.layers=1",
    "generator.text_layers=1",
    "generator.width=32",
    "generator.mlp_width=64",
    "generator_training.steps=3",
    "generator_training.batch_size=4",
    "sampling.steps=3",
    "sampling.block_rows=8",
    "vlm_training.steps=4",
    "vlm_training.batch_size=4",
    "evaluation.every=2",
    "evaluation.clusters=4",
    "evaluation.oracle_steps=2",
    "evaluation.oracle_batch=4",
    "evaluation.faithfulness=6",
    "evaluation.generation.max_new_tokens=6",
    "speed.steps=1",
    "speed.rounds=1",
    "speed.warmup=0",
]
# The shipped language model is taken, since nothing that decides it is changed: its captions can be drawn truly.
SCENES = [
    "data.real=24",
    "data.test=8",
    "data.pictures=16",
    "synthesis.captions=12",
]
OWN_PAIRS = ["data.test=4", "data.max_real=40", "synthesis.captions=6", "writer.kind=language-model"]


def scene_settings(*overrides: str) -> Synth2Settings:
    return load_settings(Synth2Settings, preset("tiny").to_dict(), None, [*SMALL_MODELS, *SCENES, *overrides])


def own_settings(folder: Path, *overrides: str) -> Synth2Settings:
    """Settings for own pairs, with a random language model saved in `folder` as reader and writer."""
    hf_tokenizer = tiny_tokenizer()
    tiny_llama(len(hf_tokenizer)).save_pretrained(folder)
    hf_tokenizer.save_pretrained(folder)
    free = [
        f"language_model.source={folder}",
        "captions.prompt.template=''",
        "captions.prompt.prefix=''",
        "captions.prompt.min_words=1",
        "captions.prompt.sentence=false",
        "captions.checks.concept=false",
        "captions.checks.repetition=false",
    ]
    base = preset("tiny", own_pairs=True).to_dict()
    return load_settings(Synth2Settings, base, None, [*SMALL_MODELS, *OWN_PAIRS, *free, *overrides])
