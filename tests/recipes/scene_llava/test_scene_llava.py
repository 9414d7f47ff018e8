from __future__ import annotations

import json
from pathlib import Path

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
from pairsmith.recipes.synth2 import shipped
from pairsmith.scenes.grammar import read


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


def test_parts_of_scenes_are_taken_together(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="take both"):
        load_named_parts("scenes", "somebody/else", tmp_path)


def test_the_tower_of_scenes_and_its_language_model_come_with_the_package(tmp_path: Path) -> None:
    parts = load_named_parts("scenes", "scenes", tmp_path)
    assert parts.vision_tower.config.image_size == WORLD.image_size
    assert {file.name for file in tmp_path.iterdir()} == {"tower", "reader"}
    assert not list(tmp_path.rglob("training"))
