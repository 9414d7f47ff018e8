"""The vision tower of the tiny LLaVA: a small CLIP vision transformer that learns which words are in a caption.

CLIP itself learns from far more pictures than two cores can look at. Predicting the words of the caption from the mean
of the patches, as a classification with as many right answers as the caption has words (SuperClass, Huang et al. 2024,
eq. 1, without its word weights), needs no text tower and no large batches, and learns from the same data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPVisionConfig, CLIPVisionModel

from pairsmith.model_folder import CONFIG_FILE, INCOMING, install
from pairsmith.pairs.feed import Feed
from pairsmith.scenes import World, WorldSettings
from pairsmith.scenes.draw import draw
from pairsmith.scenes.grammar import describe
from pairsmith.seeds import numpy_generator
from pairsmith.settings import Settings, fingerprint
from pairsmith.training.logging import Progress
from pairsmith.training.loop import train
from pairsmith.training.settings import TrainingSettings
from pairsmith.training.task import Task, TaskLoss

PIXEL_MEAN, PIXEL_STD = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)


class SceneTowerSettings(Settings):
    """Sizes and training of the tower."""

    width: int = Field(default=128, gt=0, description="of the hidden states")
    layers: int = Field(default=4, gt=1, description="transformer layers; LLaVA reads the last but one")
    heads: int = Field(default=4, gt=0, description="of the attention")
    patch: int = Field(default=16, gt=0, description="pixels a side")
    scenes: int = Field(default=6000, gt=0, description="drawn scenes to learn from")
    training: TrainingSettings = TrainingSettings(
        steps=450,
        batch_size=64,
        learning_rate=2e-3,
        warmup_steps=40,
        decay="cosine",
        weight_decay=0.01,
        log_every=50,
    )


class CaptionedScenes:
    """Drawn scenes as {"pixels": uint8 [B, 3, S, S], "words": float32 [B, V], each row adding up to 1}.

    Args:
        world: drawn from, balanced, without its held-out combinations.
        count: scenes, kept in memory.
        seed: of the scenes.
    """

    def __init__(self, world: World, count: int, seed: int) -> None:
        size = world.settings.image_size
        self._pixels = np.empty((count, 3, size, size), np.uint8)
        captions = []
        for number in range(count):
            rng = numpy_generator(seed, f"tower/{number}")
            scene = world.sample(rng, combinations="seen")
            self._pixels[number] = draw(scene, size).transpose(2, 0, 1)
            captions.append(set(describe(scene, rng).split()))
        self.words = sorted(set().union(*captions))
        places = {word: place for place, word in enumerate(self.words)}
        self._targets = np.zeros((count, len(self.words)), np.float32)
        for row, caption in enumerate(captions):
            self._targets[row, [places[word] for word in caption]] = 1 / len(caption)

    def __len__(self) -> int:
        return len(self._pixels)

    def collate(self, indices: Sequence[int], epochs: Sequence[int]) -> dict[str, np.ndarray]:
        rows = np.asarray(indices)
        return {"pixels": self._pixels[rows], "words": self._targets[rows]}


class SceneTowerTask(Task):
    """Softmax cross-entropy between the words of the caption and those read off the mean patch.

    Args:
        tower: the vision transformer.
        words: how many words there are.
    """

    def __init__(self, tower: CLIPVisionModel, words: int) -> None:
        self.tower = tower
        self.head = nn.Linear(tower.config.hidden_size, words)
        self.modules = {"tower": tower, "head": self.head}
        self._mean = torch.tensor(PIXEL_MEAN)[:, None, None]
        self._std = torch.tensor(PIXEL_STD)[:, None, None]

    def prepare(self, batch: Mapping[str, Any], device: torch.device) -> tuple[Tensor, Tensor]:
        moved = super().prepare(batch, device)
        pixels = (moved["pixels"].float() / 255 - self._mean.to(device)) / self._std.to(device)
        return pixels, moved["words"]

    def loss(self, batch: tuple[Tensor, Tensor], phase: str, step: int, generator: torch.Generator) -> TaskLoss:
        pixels, words = batch
        patches = self.tower(pixels).last_hidden_state[:, 1:]  # [B, N, D]
        logits = self.head(self.tower.post_layernorm(patches.mean(dim=1)))  # [B, V]
        return TaskLoss(functional.cross_entropy(logits, words, reduction="sum"), len(pixels))

    def settings(self) -> dict[str, Any]:
        return {"words": self.head.out_features}


def train_scene_tower(
    settings: SceneTowerSettings, world: WorldSettings, folder: Path, progress: Progress | None = None
) -> CLIPVisionModel:
    """The tower, trained now or found in the folder."""
    if (folder / CONFIG_FILE).is_file():
        return CLIPVisionModel.from_pretrained(folder).eval()
    training = settings.training
    scenes = CaptionedScenes(World(world), settings.scenes, training.seed)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(training.seed)
        tower = CLIPVisionModel(
            CLIPVisionConfig(
                hidden_size=settings.width,
                intermediate_size=settings.width * 4,
                num_hidden_layers=settings.layers,
                num_attention_heads=settings.heads,
                image_size=world.image_size,
                patch_size=settings.patch,
                hidden_act="gelu",
            )
        )
        task = SceneTowerTask(tower, len(scenes.words))
    feed = Feed(scenes, training.batch_size, training.seed)
    inputs = {"tower": fingerprint([settings.to_dict(), world.to_dict()])}
    train(task, feed, training, folder / "training", progress=progress, inputs=inputs)
    incoming = folder / INCOMING
    tower.save_pretrained(incoming)
    install(incoming, folder)
    return tower.eval()
