"""The reading language model of scenes: what Vicuna is to LLaVA, a model that can speak about what it is told.

The shipped language model of scenes only knows sentences: nothing that stands before a sentence changes what it says,
so no projector alone can make it speak of a picture. This one has gone on learning, on text alone: a scene spelled word
by word in rows of patches, each word one of those that describe what lies there, and after it a description, or
questions with their answers. It has seen no picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional
from transformers import AutoModelForCausalLM, AutoTokenizer

from pairsmith.pairs.conversations import MARKER, Exchange
from pairsmith.pairs.feed import Feed
from pairsmith.recipes.scene_llava.data import CAPTION_PROMPT
from pairsmith.recipes.scene_llava.language_model import scene_language_model
from pairsmith.recipes.scene_models.shipped import TRAINING, learning, mark, trained_or_shipped
from pairsmith.recipes.synth2.presets import TINY
from pairsmith.scenes import World, WorldSettings
from pairsmith.scenes.grammar import describe
from pairsmith.scenes.questions import questions_about
from pairsmith.scenes.world import Scene
from pairsmith.seeds import numpy_generator
from pairsmith.settings import Settings
from pairsmith.training.logging import Progress
from pairsmith.training.loop import train
from pairsmith.training.settings import TrainingSettings
from pairsmith.training.task import Task, TaskLoss
from pairsmith.vlm.batch import IGNORED
from pairsmith.vlm.llava.prompts import Piece, write_plain, write_vicuna

NAME = "reader"
SIDE = 4  # patches a side; a cell of a scene is two of them wide
MOST_QUESTIONS = 3  # of a conversation


class SceneReaderSettings(Settings):
    """What the language model goes on learning from."""

    world: WorldSettings = TINY.world  # the one whose words the shipped language model knows
    scenes: int = Field(default=100_000, gt=0, description="different texts")
    plain: float = Field(default=0.5, ge=0, le=1, description="share of texts that are a description alone")
    training: TrainingSettings = TrainingSettings(
        steps=600,
        batch_size=32,
        learning_rate=2e-3,
        warmup_steps=50,
        decay="cosine",
        weight_decay=0.01,
        betas=(0.9, 0.98),
        log_every=50,
        checkpoint_every=200,
        seed=1,
    )


def spelled(scene: Scene, rng: np.random.Generator) -> str:
    """A scene as one word a patch, row by row: of an object its class, colour or size, elsewhere the background."""
    words = [[scene.background] * SIDE for _ in range(SIDE)]
    for thing in scene.objects:
        for row in (thing.row, thing.row + 1):
            for column in (thing.column, thing.column + 1):
                about = (thing.name, thing.colour, thing.size, scene.background)
                words[row][column] = about[rng.choice(4, p=(0.35, 0.35, 0.2, 0.1))]
    return " ".join(word for row in words for word in row)


class SpelledScenes:
    """Texts as {"ids", "labels": int64 [B, T]}, each a pure function of its number; loss on what is said alone.

    Args:
        settings: which texts.
        hf_tokenizer: of the language model.
    """

    def __init__(self, settings: SceneReaderSettings, hf_tokenizer: Any) -> None:
        self._settings, self._world, self._tokenizer = settings, World(settings.world), hf_tokenizer

    def __len__(self) -> int:
        return self._settings.scenes

    def collate(self, indices: Sequence[int], epochs: Sequence[int]) -> dict[str, Tensor]:
        rows = [self._encode(self.pieces(index)) for index in indices]
        longest = max(len(ids) for ids, _ in rows)
        ids = torch.full((len(rows), longest), self._tokenizer.pad_token_id)
        labels = torch.full((len(rows), longest), IGNORED)
        for at, (own, said) in enumerate(rows):
            ids[at, : len(own)], labels[at, : len(said)] = torch.tensor(own), torch.tensor(said)
        return {"ids": ids, "labels": labels}

    def pieces(self, number: int) -> list[Piece]:
        """The text of a row, in the formats of LLaVA's two stages, a spelled scene in the picture's place."""
        rng = numpy_generator(self._settings.training.seed, f"reader/{number}")
        scene = self._world.sample(rng, combinations="seen")
        if rng.random() < self._settings.plain:
            pieces = write_plain([Exchange(MARKER, describe(scene, rng))])
        else:
            asked = [(CAPTION_PROMPT, describe(scene, rng))]
            asked += [(one[0], one[1]) for one in questions_about(scene, self._settings.world, rng)]
            turns = [asked[place] for place in rng.permutation(len(asked))[:MOST_QUESTIONS]]
            first = [Exchange(f"{MARKER}\n{turns[0][0]}", turns[0][1])]
            pieces = write_vicuna([*first, *(Exchange(*turn) for turn in turns[1:])], self._tokenizer.eos_token, "")
        words = f" {spelled(scene, rng)} "
        return [Piece(piece.text.replace(MARKER, words), piece.trained) for piece in pieces]

    def _encode(self, pieces: Sequence[Piece]) -> tuple[list[int], list[int]]:
        ids, labels = [self._tokenizer.bos_token_id], [IGNORED]
        for piece in pieces:
            own = self._tokenizer(piece.text, add_special_tokens=False)["input_ids"]
            ids += own
            labels += own if piece.trained else [IGNORED] * len(own)
        return ids, labels


class ReaderTask(Task):
    """Next-token cross-entropy of what is said.

    Args:
        lm: the language model; all of it learns.
    """

    def __init__(self, lm: Any) -> None:
        self.lm = lm
        self.modules = {"lm": lm}

    def loss(self, batch: dict[str, Tensor], phase: str, step: int, generator: torch.Generator) -> TaskLoss:
        targets = batch["labels"][:, 1:]
        valid = targets != IGNORED
        # Rows are padded on the right, where causal attention never looks back from.
        hidden = self.lm.model(input_ids=batch["ids"], use_cache=False).last_hidden_state[:, :-1]
        total = functional.cross_entropy(self.lm.lm_head(hidden[valid]), targets[valid], reduction="sum")
        return TaskLoss(total, int(valid.sum()))

    def settings(self) -> dict[str, Any]:
        return {"words": self.lm.config.vocab_size}


def scene_reader(
    folder: Path,
    settings: SceneReaderSettings | None = None,
    *,
    from_scratch: bool = False,
    progress: Progress | None = None,
) -> tuple[Any, Any]:
    """The language model and its tokenizer: found in the folder, shipped, or trained.

    Args:
        folder: of its files; a training keeps its checkpoints in `folder`/training.
        settings: None: those of the shipped one.
        from_scratch: train, even where the shipped one fits.
        progress: shown the training.
    """
    settings = settings or SceneReaderSettings()

    def train_reader(incoming: Path) -> None:
        lm, hf_tokenizer = scene_language_model(settings.world)
        feed = Feed(SpelledScenes(settings, hf_tokenizer), settings.training.batch_size, settings.training.seed)
        made = {"reader": reader_mark(settings)}
        train(ReaderTask(lm), feed, settings.training, folder / TRAINING, progress=progress, inputs=made)
        lm.save_pretrained(incoming)
        hf_tokenizer.save_pretrained(incoming)

    trained_or_shipped(NAME, reader_mark(settings), folder, train_reader, from_scratch=from_scratch)
    lm = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return lm.eval(), AutoTokenizer.from_pretrained(folder)


def reader_mark(settings: SceneReaderSettings) -> str:
    """The fingerprint of all that decides its weights."""
    values = {key: value for key, value in settings.to_dict().items() if key != "training"}
    return mark(values, learning(settings.training))
