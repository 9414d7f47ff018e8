"""The vision tower of scenes: a small CLIP vision transformer that learns by writing captions.

CLIP itself learns from far more pictures than two cores can look at. A small decoder that reads the patches through
cross-attention and predicts the caption word by word (CapPa's autoregressive half: Tschannen et al., 2023, §3) needs
no large batches, and makes the patches carry what lies where: a caption binds shape, colour and size to places. Half of
a batch is read off the layer before the last, which is the one that a LLaVA reads. Half of it is seen in false colours
(Chen et al., 2020, §3.1), the words for colours left out of its loss: shapes are learnt as shapes, whatever their
colour, so that they are known in combinations that were never shown. The decoder is thrown away.
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

from pairsmith.pairs.feed import Feed
from pairsmith.recipes.scene_models.data import ScenePairs
from pairsmith.recipes.scene_models.shipped import TRAINING, learning, mark, trained_or_shipped
from pairsmith.scenes import World
from pairsmith.scenes.draw import draw
from pairsmith.scenes.grammar import describe
from pairsmith.seeds import numpy_generator
from pairsmith.settings import Settings
from pairsmith.training.logging import Progress
from pairsmith.training.loop import train
from pairsmith.training.settings import TrainingSettings
from pairsmith.training.task import Task, TaskLoss

NAME = "tower"
PIXEL_MEAN, PIXEL_STD = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
_SPECIAL = ("<pad>", "<start>", "<end>")
_PAD, _START, _END = range(3)


class SceneTowerSettings(Settings):
    """Sizes and training of the tower."""

    pairs: ScenePairs = ScenePairs()
    width: int = Field(default=128, gt=0, description="of the hidden states")
    layers: int = Field(default=4, gt=1, description="transformer layers; LLaVA reads the last but one")
    heads: int = Field(default=4, gt=0, description="of the attention")
    patch: int = Field(default=16, gt=0, description="pixels a side")
    decoder_layers: int = Field(default=2, gt=0, description="of the caption decoder")
    false_colours: float = Field(default=0.5, ge=0, le=1, description="share of the pictures seen in false colours")
    training: TrainingSettings = TrainingSettings(
        steps=2500,
        batch_size=32,
        learning_rate=1e-3,
        warmup_steps=100,
        decay="cosine",
        weight_decay=0.01,
        betas=(0.9, 0.98),
        log_every=50,
        checkpoint_every=500,
    )


class CaptionedScenes:
    """Drawn scenes as {"pixels": uint8 [B, 3, S, S], "words": int64 [B, L]}, from <start> to <end>, padded with 0.

    Args:
        settings: which pairs; all are kept in memory.

    Attributes:
        vocabulary: the words by number.
        longest: L.
    """

    def __init__(self, settings: ScenePairs) -> None:
        world = World(settings.world)
        size = settings.world.image_size
        self._pixels = np.empty((settings.count, 3, size, size), np.uint8)
        captions = []
        for number in range(settings.count):
            rng = numpy_generator(settings.seed, f"tower/{number}")
            scene = world.sample(rng, combinations="seen")
            self._pixels[number] = draw(scene, size).transpose(2, 0, 1)
            captions.append(describe(scene, rng).split())
        self.vocabulary = [*_SPECIAL, *sorted({word for caption in captions for word in caption})]
        self.longest = max(map(len, captions)) + 2
        places = {word: place for place, word in enumerate(self.vocabulary)}
        self._words = np.full((settings.count, self.longest), _PAD, np.int64)
        for row, caption in enumerate(captions):
            self._words[row, : len(caption) + 2] = [_START, *(places[word] for word in caption), _END]

    def __len__(self) -> int:
        return len(self._pixels)

    def collate(self, indices: Sequence[int], epochs: Sequence[int]) -> dict[str, np.ndarray]:
        rows = np.asarray(indices)
        return {"pixels": self._pixels[rows], "words": self._words[rows]}


class CaptionDecoder(nn.Module):
    """Words so far and patches -> logits of the next word at every place.

    Args:
        words: of the vocabulary.
        longest: words that it can read.
        width, heads, layers: of the transformer.
    """

    def __init__(self, words: int, longest: int, width: int, heads: int, layers: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.positions = nn.Parameter(0.02 * torch.randn(longest, width))
        self.patch_norm = nn.LayerNorm(width)
        layer = nn.TransformerDecoderLayer(width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True)
        self.body = nn.TransformerDecoder(layer, layers, nn.LayerNorm(width))
        self.output = nn.Linear(width, words)

    def forward(self, words: Tensor, patches: Tensor) -> Tensor:
        """Words [B, L] int64 and patches [B, N, D] -> logits [B, L, V]."""
        length = words.shape[1]
        hidden = self.embedding(words) + self.positions[:length]  # [B, L, D]
        mask = nn.Transformer.generate_square_subsequent_mask(length, device=words.device)
        return self.output(self.body(hidden, self.patch_norm(patches), tgt_mask=mask, tgt_is_causal=True))


class SceneTowerTask(Task):
    """Cross-entropy of the next word.

    Args:
        tower: the vision transformer.
        decoder: reads its patches.
        false_colours: share of the pictures whose colours are changed.
        colours: numbers of the words for colours, int64 [C].
    """

    def __init__(self, tower: CLIPVisionModel, decoder: CaptionDecoder, false_colours: float, colours: Tensor) -> None:
        self.tower = tower
        self.decoder = decoder
        self.false_colours = false_colours
        self.colours = colours
        # The class token and the norm on it belong to CLIP's interface, but no patch reads the norm.
        tower.post_layernorm.requires_grad_(False)
        self.modules = {"tower": tower, "decoder": decoder}
        self._mean = torch.tensor(PIXEL_MEAN)[:, None, None]
        self._std = torch.tensor(PIXEL_STD)[:, None, None]

    def prepare(self, batch: Mapping[str, Any], device: torch.device) -> tuple[Tensor, Tensor]:
        moved = super().prepare(batch, device)
        pixels = (moved["pixels"].float() / 255 - self._mean.to(device)) / self._std.to(device)
        return pixels, moved["words"]

    def loss(self, batch: tuple[Tensor, Tensor], phase: str, step: int, generator: torch.Generator) -> TaskLoss:
        pixels, words = batch
        words = words[:, : int((words != _PAD).sum(1).max())]  # [B, L]
        wanted = words[:, 1:]
        false = (torch.rand(len(pixels), generator=generator) < self.false_colours).to(pixels.device)  # [B]
        mixtures = _colour_mixtures(len(pixels), generator).to(pixels)  # [B, 3, 3]
        mixed = torch.einsum("bij,bjhw->bihw", mixtures, pixels)
        pixels = torch.where(false[:, None, None, None], mixed, pixels)
        unsaid = false[:, None] & torch.isin(wanted, self.colours.to(wanted.device))
        wanted = wanted.masked_fill(unsaid, _PAD)

        states = self.tower(pixels, output_hidden_states=True).hidden_states
        half = len(pixels) // 2
        patches = torch.cat((states[-2][:half], states[-1][half:]))[:, 1:]  # [B, N, D]
        logits = self.decoder(words[:, :-1], patches)  # [B, L - 1, V]
        total = functional.cross_entropy(logits.mT, wanted, ignore_index=_PAD, reduction="sum")
        return TaskLoss(total, int((wanted != _PAD).sum()))

    def settings(self) -> dict[str, Any]:
        return {"words": self.decoder.output.out_features, "false_colours": self.false_colours}


def _colour_mixtures(count: int, generator: torch.Generator) -> Tensor:
    """Random rotations and reflections of the colour space around mid-gray, float32 [count, 3, 3]."""
    rotations, scales = torch.linalg.qr(torch.randn(count, 3, 3, generator=generator))
    return rotations * scales.diagonal(dim1=1, dim2=2).sign()[:, None]


def scene_tower(
    folder: Path,
    settings: SceneTowerSettings | None = None,
    *,
    from_scratch: bool = False,
    progress: Progress | None = None,
) -> CLIPVisionModel:
    """The tower: found in the folder, shipped, or trained.

    Args:
        folder: of its files; a training keeps its checkpoints in `folder`/training.
        settings: None: those of the shipped one.
        from_scratch: train, even where the shipped one fits.
        progress: shown the training.
    """
    settings = settings or SceneTowerSettings()

    def train_tower(incoming: Path) -> None:
        _train(settings, folder / TRAINING, progress).save_pretrained(incoming)

    trained_or_shipped(NAME, tower_mark(settings), folder, train_tower, from_scratch=from_scratch)
    return CLIPVisionModel.from_pretrained(folder, dtype=torch.float32).eval()


def tower_mark(settings: SceneTowerSettings) -> str:
    """The fingerprint of all that decides the tower's weights."""
    values = {key: value for key, value in settings.to_dict().items() if key != "training"}
    return mark(values, learning(settings.training))


def _train(settings: SceneTowerSettings, folder: Path, progress: Progress | None) -> CLIPVisionModel:
    training = settings.training
    scenes = CaptionedScenes(settings.pairs)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(training.seed)
        tower = CLIPVisionModel(
            CLIPVisionConfig(
                hidden_size=settings.width,
                intermediate_size=settings.width * 4,
                num_hidden_layers=settings.layers,
                num_attention_heads=settings.heads,
                image_size=settings.pairs.world.image_size,
                patch_size=settings.patch,
                hidden_act="gelu",
            )
        )
        decoder = CaptionDecoder(
            len(scenes.vocabulary), scenes.longest, settings.width, settings.heads, settings.decoder_layers
        )
    known = {*settings.pairs.world.colours, *settings.pairs.world.backgrounds}
    colours = torch.tensor([number for number, word in enumerate(scenes.vocabulary) if word in known])
    task = SceneTowerTask(tower, decoder, settings.false_colours, colours)
    feed = Feed(scenes, training.batch_size, training.seed)
    train(task, feed, training, folder, progress=progress, inputs={"tower": tower_mark(settings)})
    return tower
