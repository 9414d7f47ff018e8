"""The reading language model, and what it reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from pairsmith.recipes.scene_llava.language_model import scene_language_model
from pairsmith.recipes.scene_models.reader import (
    SIDE,
    ReaderTask,
    SceneReaderSettings,
    SpelledScenes,
    scene_reader,
    spelled,
)
from pairsmith.scenes.world import arrange
from pairsmith.training.settings import TrainingSettings
from pairsmith.vlm.batch import IGNORED

TRAINING = TrainingSettings(steps=2, batch_size=2, learning_rate=1e-3, log_every=1, device="cpu", tensorboard=False)
SETTINGS = SceneReaderSettings(scenes=20, training=TRAINING)


def test_a_word_stands_where_the_object_lies() -> None:
    scene = arrange("pair", "white", [("star", "red", "small"), ("ring", "blue", "large")], "left")
    seen = [set() for _ in range(SIDE * SIDE)]
    for number in range(60):
        for words, word in zip(seen, spelled(scene, np.random.default_rng(number)).split(), strict=True):
            words.add(word)
    left, right = {"star", "red", "small", "white"}, {"ring", "blue", "large", "white"}
    for row in range(SIDE):  # the first object has column 0 and row 1, the second column 2 and row 1, in half cells
        for column in range(SIDE):
            inside = row in (1, 2)
            expected = (left if column < 2 else right) if inside else {"white"}
            assert seen[row * SIDE + column] == expected


def test_only_what_is_said_carries_loss() -> None:
    lm, hf_tokenizer = scene_language_model(SETTINGS.world)
    texts = SpelledScenes(SETTINGS, hf_tokenizer)
    batch = texts.collate(range(20), [0] * 20)
    plain = talk = 0
    for row in range(20):
        pieces = texts.pieces(row)
        said = hf_tokenizer.decode([one for one in batch["labels"][row].tolist() if one != IGNORED])
        words = [
            piece.text.replace(hf_tokenizer.eos_token, f" {hf_tokenizer.eos_token}")
            for piece in pieces
            if piece.trained
        ]
        assert said.split() == " ".join(words).split()
        plain += pieces[0].text.split()[0] != "USER"
        talk += "USER" in pieces[0].text
        assert "<unk>" not in hf_tokenizer.decode(batch["ids"][row])
    assert plain
    assert talk
    loss = ReaderTask(lm).loss(batch, "main", 0, torch.Generator())
    assert loss.count == int((batch["labels"] != IGNORED).sum())


def test_it_is_trained_once_and_loads_as_it_was(tmp_path: Path) -> None:
    lm, hf_tokenizer = scene_reader(tmp_path, SETTINGS, from_scratch=True)
    again, _ = scene_reader(tmp_path, SETTINGS)
    ids = hf_tokenizer("black red star", return_tensors="pt")["input_ids"]
    with torch.no_grad():
        assert torch.equal(lm(input_ids=ids).logits, again(input_ids=ids).logits)
    assert hf_tokenizer.eos_token == "<eos>"
    assert hf_tokenizer.pad_token == "<pad>"
