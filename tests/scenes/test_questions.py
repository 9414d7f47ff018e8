from __future__ import annotations

from collections import Counter

import numpy as np

from pairsmith.scenes import World, WorldSettings
from pairsmith.scenes.questions import questions_about, vqa_files
from pairsmith.scenes.world import arrange


def test_answers_are_true() -> None:
    settings = WorldSettings()
    scene = arrange("pair", "gray", [("star", "red", "small"), ("ring", "blue", "large")], "above")
    found = {question: answer for question, answer, _, _ in questions_about(scene, settings, np.random.default_rng(0))}
    assert found["what color is the background?"] == "gray"
    assert found["what color is the star?"] == "red"
    assert found["what is above the ring?"] == "star"
    group = arrange("group", "white", [("cross", "pink", "small")] * 3)
    found = {question: answer for question, answer, _, _ in questions_about(group, settings, np.random.default_rng(0))}
    assert found["how many crosses are there?"] == "three"
    assert found["what color are the crosses?"] == "pink"


def test_files_have_the_vqav2_layout_and_mostly_agree() -> None:
    world = World(WorldSettings())
    rng = np.random.default_rng(0)
    scenes = [(i, world.sample(rng)) for i in range(100)]
    questions, annotations = vqa_files(scenes, world.settings, seed=0)
    ids = [question["question_id"] for question in questions["questions"]]
    assert len(set(ids)) == len(ids) == len(annotations["annotations"])
    assert [a["question_id"] for a in annotations["annotations"]] == ids
    kinds = Counter(a["answer_type"] for a in annotations["annotations"])
    assert set(kinds) == {"other", "number", "yes/no"}
    agreeing = 0
    for annotation in annotations["annotations"]:
        assert [a["answer_id"] for a in annotation["answers"]] == list(range(1, 11))
        agreeing += sum(a["answer"] == annotation["multiple_choice_answer"] for a in annotation["answers"])
    assert 0.65 < agreeing / (10 * len(ids)) < 0.95
