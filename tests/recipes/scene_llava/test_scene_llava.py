from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from pairsmith.errors import InputError
from pairsmith.evaluation.files import load_references, load_vqa_annotations, load_vqa_questions
from pairsmith.pairs import PairStore
from pairsmith.pairs.conversations import ConversationFile
from pairsmith.recipes.scene_llava.data import (
    CAPTION_PROMPT,
    IMAGES,
    INSTRUCTIONS,
    PAIRS,
    TEST,
    WORLD,
    SceneData,
    write_data,
)
from pairsmith.recipes.scene_llava.language_model import scene_language_model
from pairsmith.recipes.scene_llava.parts import load_named_parts
from pairsmith.recipes.scene_llava.tower import CaptionedScenes, SceneTowerSettings, train_scene_tower
from pairsmith.recipes.synth2 import shipped
from pairsmith.scenes import World
from pairsmith.scenes.grammar import read
from pairsmith.training.settings import TrainingSettings
from pairsmith.vlm.llava.loading import load_vision_tower


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    write_data(SceneData(pairs=12, instructions=20, test=6), folder)
    return folder


def test_data_are_whole_and_made_once(data: Path) -> None:
    assert len(PairStore(data / PAIRS)) == 12
    rows = ConversationFile(data / INSTRUCTIONS, data / IMAGES, check="decode")
    assert (len(rows), rows.failures) == (20, [])
    assert len(load_references(data / TEST / "captions.json")) == 6
    before = (data / INSTRUCTIONS).read_bytes()
    (data / INSTRUCTIONS).unlink()
    write_data(SceneData(pairs=12, instructions=20, test=6), data)
    assert (data / INSTRUCTIONS).read_bytes() == before
    with pytest.raises(InputError, match="pairs"):
        write_data(SceneData(pairs=13, instructions=20, test=6), data)


def test_conversations_hold_a_true_caption_and_questions_of_the_test_kind(data: Path) -> None:
    asked = {question.question for question in load_vqa_questions(data / TEST / "vqa_questions.json").values()}
    starts = {" ".join(question.split()[:2]) for question in asked}
    for record in json.loads((data / INSTRUCTIONS).read_text()):
        texts = [turn["value"] for turn in record["conversations"]]
        assert texts[0].startswith("<image>\n")
        questions = [text.removeprefix("<image>\n") for text in texts[::2]]
        assert questions.count(CAPTION_PROMPT) == 1
        assert read(texts[1 + 2 * questions.index(CAPTION_PROMPT)]) is not None
        assert {" ".join(text.split()[:2]) for text in questions if text != CAPTION_PROMPT} <= starts


def test_the_language_model_keeps_what_it_knows_and_has_a_word_for_everything(data: Path) -> None:
    lm, tokenizer = scene_language_model(WORLD)
    old = load_file(shipped.FOLDER / "language_model" / "model.safetensors")
    state = lm.state_dict()
    for name, value in old.items():
        assert torch.equal(state[name][: len(value)], value)
    texts = [
        turn["value"] for record in json.loads((data / INSTRUCTIONS).read_text()) for turn in record["conversations"]
    ]
    texts += [answer["answer"] for entry in load_vqa_annotations(data / TEST / "vqa_annotations.json") for answer in
              entry["answers"] if answer["answer"].isalpha() and answer["answer"] != "grey"]  # fmt: skip
    for text in [*texts, "USER: a?\n ASSISTANT: yes"]:
        assert tokenizer.unk_token_id not in tokenizer(text.replace("<image>", ""))["input_ids"], text
    assert tokenizer("a red\n")["input_ids"][0] == tokenizer.bos_token_id
    assert tokenizer.tokenize("red\nUSER: what?") == ["red", "\n", "USER", ":", "what", "?"]


def test_targets_are_the_words_of_the_caption() -> None:
    scenes = CaptionedScenes(World(WORLD), 5, 0)
    batch = scenes.collate([0, 4], [0, 0])
    assert batch["pixels"].shape == (2, 3, 64, 64)
    assert np.allclose(batch["words"].sum(1), 1)
    words = [scenes.words[place] for place in batch["words"][0].nonzero()[0]]
    assert {*WORLD.colours} & {*words}
    assert {*WORLD.backgrounds} & {*words}


def test_the_tower_learns_and_is_found_again(tmp_path: Path) -> None:
    training = TrainingSettings(steps=6, batch_size=8, learning_rate=3e-3, log_every=2, device="cpu", tensorboard=False)
    settings = SceneTowerSettings(width=16, layers=2, heads=2, patch=32, scenes=16, training=training)
    tower = train_scene_tower(settings, WORLD, tmp_path)
    lines = [json.loads(line)["loss"] for line in (tmp_path / "training" / "log.jsonl").read_text().splitlines()]
    assert lines[-1] < lines[0]
    again = train_scene_tower(settings, WORLD, tmp_path)
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in tower.state_dict().items())
    with pytest.raises(InputError, match="preprocessor"):
        load_vision_tower(tmp_path)


def test_parts_of_scenes_are_taken_together(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="take both"):
        load_named_parts("scenes", "somebody/else", tmp_path)
