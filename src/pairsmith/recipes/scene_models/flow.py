"""The flow-matching generator of scenes: to the built-in world what a pre-trained diffusion model is to photographs.

It draws the tokens of the shipped tokenizer from the features of the shipped language model. Single objects and groups
are nearly always right, pairs of different objects nearly never: background, number and axis are, but which class,
colour and size belong to which object is mixed up.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pairsmith.generators.flow import TINY, FlowConfig, FlowGenerator, FlowSamplingSettings, FlowSettings
from pairsmith.generators.text import TextEncoder
from pairsmith.recipes.scene_models.data import ScenePairs, write_scene_pairs
from pairsmith.recipes.scene_models.shipped import TRAINING, learning, mark, trained_or_shipped
from pairsmith.recipes.synth2 import shipped as synth2_shipped
from pairsmith.recipes.synth2.models import load_language_model
from pairsmith.settings import Settings
from pairsmith.stages.generator_kinds.flow import KIND, FlowTrainingSettings
from pairsmith.stages.tokenize import tokenize_images
from pairsmith.stages.train_generator import train_generator
from pairsmith.tokenizer.model import VQTokenizer
from pairsmith.training.logging import Progress
from pairsmith.training.settings import TrainingSettings

NAME = "flow"
SAMPLING = FlowSamplingSettings(steps=12, guidance=1.0, block_rows=32)
"""How it is meant to draw."""


class SceneFlowSettings(Settings):
    """The generator and what it learns from."""

    pairs: ScenePairs = ScenePairs()
    learned: FlowTrainingSettings = FlowTrainingSettings(
        generator=FlowConfig(**{**TINY.to_dict(), "width": 160, "mlp_width": 640}),
        flow=FlowSettings(level_mean=3.0, caption_dropout=0.05),
        training=TrainingSettings(
            steps=2500,
            batch_size=64,
            learning_rate=1.5e-3,
            warmup_steps=100,
            decay="cosine",
            weight_decay=0.01,
            betas=(0.9, 0.96),
            log_every=100,
            checkpoint_every=500,
        ),
        text_layer=1,
        cached_captions=12_000,
    )


@dataclass(frozen=True)
class SceneReaders:
    """What the generator draws for and reads with: the shipped tokenizer and language model of scenes.

    Attributes:
        tokenizer: decodes its tokens.
        lm, hf_tokenizer: the frozen language model.
    """

    tokenizer: VQTokenizer
    lm: Any
    hf_tokenizer: Any

    @classmethod
    def load(cls) -> SceneReaders:
        """The shipped ones, on the CPU."""
        tokenizer = VQTokenizer.from_pretrained(TOKENIZER_FOLDER).eval()
        return cls(tokenizer, *load_language_model(LANGUAGE_MODEL_FOLDER))

    def text_encoder(self, max_text: int, layer: int) -> TextEncoder:
        """The language model as the generator's text encoder."""
        return TextEncoder(self.lm, self.hf_tokenizer, max_length=max_text, layer=layer)


TOKENIZER_FOLDER = synth2_shipped.FOLDER / "tokenizer"
LANGUAGE_MODEL_FOLDER = synth2_shipped.FOLDER / "language_model"


def scene_flow(
    folder: Path,
    settings: SceneFlowSettings | None = None,
    *,
    from_scratch: bool = False,
    progress: Progress | None = None,
) -> FlowGenerator:
    """The generator: found in the folder, shipped, or trained.

    Args:
        folder: of its files; a training keeps its data and checkpoints in `folder`/training.
        settings: None: those of the shipped one.
        from_scratch: train, even where the shipped one fits.
        progress: shown the training.
    """
    settings = settings or SceneFlowSettings()
    readers = SceneReaders.load()
    encoder = readers.text_encoder(settings.learned.generator.max_text, settings.learned.text_layer)

    def train(incoming: Path) -> None:
        work = folder / TRAINING
        drawn = write_scene_pairs(settings.pairs, work / "pairs")
        pairs = tokenize_images(drawn, readers.tokenizer, work / "tokens")
        train_generator(KIND, settings.learned, pairs, readers.tokenizer, encoder, work / NAME, progress)
        for file in (work / NAME).glob("*.*"):
            shutil.copy2(file, incoming / file.name)

    trained_or_shipped(NAME, flow_mark(settings, readers, encoder), folder, train, from_scratch=from_scratch)
    return load_scene_flow(folder)


def load_scene_flow(folder: Path) -> FlowGenerator:
    """A generator that `scene_flow` left in a folder, in float32 and eval mode."""
    return FlowGenerator.from_pretrained(folder).eval()


def flow_mark(settings: SceneFlowSettings, readers: SceneReaders, encoder: TextEncoder) -> str:
    """The fingerprint of all that decides the generator's weights."""
    learned = settings.learned
    values = {key: value for key, value in learned.to_dict().items() if key not in ("training", "cached_captions")}
    models = {"tokenizer": readers.tokenizer.fingerprint(), "language_model": encoder.fingerprint()}
    return mark(settings.pairs.to_dict(), values, learning(learned.training), models)
