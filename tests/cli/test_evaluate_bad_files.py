"""What is wrong with a user's files is one sentence that names the file, whichever kind of evaluation it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pairsmith.evaluation import read_metrics
from pairsmith.evaluation.image_text.data_folders import SHARDS_NAME
from tests.cli.test_errors import only_sentence


def _write(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def references(tmp_path: Path) -> Path:
    annotations = [{"id": i, "image_id": i, "caption": text} for i, text in enumerate(["a dog", "a cat", "two cows"])]
    return _write(tmp_path / "references.json", {"annotations": annotations})


@pytest.fixture
def annotations(tmp_path: Path) -> Path:
    answers = [{"answer": "yes", "answer_id": i} for i in range(10)]
    kinds = {1: ("yes/no", "is the"), 2: ("other", "what color")}
    entries = [
        {"question_id": i, "image_id": i, "answers": answers, "answer_type": answer, "question_type": question}
        for i, (answer, question) in kinds.items()
    ]
    return _write(tmp_path / "annotations.json", {"annotations": entries})


@pytest.mark.parametrize(
    ("captions", "message"),
    [
        ([(0, "x")], "results.json: 2 of 3 images have no prediction, the first is 1"),
        ([(0, "x"), (9, "y")], "results.json: 1 of 2 predictions are for images without references, the first is 9"),
        ([(0, "x"), (0, "y")], "results.json: entry 1: image_id 0 occurs twice"),
        ([("0", "x")], "ids are numbers in one file and text in the other"),
        ([(0, None)], "results.json: entry 0: 'caption' must be text"),
        ([], "results.json: holds an empty list"),
    ],
)
def test_captions(pairsmith, references: Path, tmp_path: Path, captions: list, message: str) -> None:
    results = _write(tmp_path / "results.json", [{"image_id": image, "caption": text} for image, text in captions])
    assert message in only_sentence(pairsmith("evaluate", "captions", "--references", references, "--results", results))


def test_empty_captions_are_counted_and_score_nothing(pairsmith, references: Path, tmp_path: Path) -> None:
    results = _write(tmp_path / "r.json", [{"image_id": i, "caption": " "} for i in range(3)])
    result = pairsmith("evaluate", "captions", "--references", references, "--results", results, "--out", tmp_path)
    assert result.exit_code == 0
    assert {metric.value < 1e-6 for metric in read_metrics(tmp_path).values()} == {True}


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ([(1, "yes")], "results.json: 1 of 2 questions have no prediction, the first is question 2"),
        ([(1, "yes"), (2, "x"), (3, "x")], "results.json: 1 of 3 predictions are for questions without annotations"),
        ([(1, "yes"), (1, "x")], "results.json: entry 1: question_id 1 occurs twice"),
    ],
)
def test_answers(pairsmith, annotations: Path, tmp_path: Path, answers: list, message: str) -> None:
    results = _write(tmp_path / "results.json", [{"question_id": i, "answer": text} for i, text in answers])
    assert message in only_sentence(pairsmith("evaluate", "vqa", "--annotations", annotations, "--results", results))


def test_questions_are_those_of_the_annotations(pairsmith, annotations: Path, tmp_path: Path) -> None:
    results = _write(tmp_path / "results.json", [{"question_id": i, "answer": "yes"} for i in (1, 2)])
    arguments = ("evaluate", "vqa", "--annotations", annotations, "--results", results, "--questions")

    def questions(*ids: int) -> Path:
        entries = [{"question_id": i, "image_id": 0, "question": "?"} for i in ids]
        return _write(tmp_path / "questions.json", {"questions": entries})

    assert "question 2 is not in" in only_sentence(pairsmith(*arguments, questions(1)))
    sentence = only_sentence(pairsmith(*arguments, questions(1, 2, 3)))
    assert "questions.json: 1 of 3 questions have no answers in" in sentence
    assert pairsmith(*arguments, questions(1, 2, 3), "--allow-partial").exit_code == 0


def test_question_types_are_told_on_demand_and_compared(pairsmith, annotations: Path, tmp_path: Path) -> None:
    files = [
        _write(tmp_path / f"{name}.json", [{"question_id": i, "answer": text} for i, text in enumerate(texts, 1)])
        for name, texts in {"a": ("yes", "no"), "b": ("yes", "yes")}.items()
    ]
    arguments = ("evaluate", "vqa", "--annotations", annotations, "--results", files[0], "--results", files[1])
    assert pairsmith(*arguments, "--out", tmp_path / "m.json").exit_code == 0
    brief = read_metrics(tmp_path / "m.json")
    assert (brief["a.accuracy.yes_no"].value, brief["a.accuracy.other"].value) == (100, 0)
    assert brief["b.minus_a.accuracy.other"].value == 100
    assert pairsmith(*arguments, "--question-types", "--out", tmp_path / "m.json").exit_code == 0
    more = read_metrics(tmp_path / "m.json")
    assert set(more) - set(brief) == {
        f"{model}.accuracy.question.{kind}" for model in ("a", "b", "b.minus_a") for kind in ("is_the", "what_color")
    }
    assert more["b.accuracy.question.what_color"].value == 100


@pytest.mark.parametrize("kind", ["fid", "diversity"])
@pytest.mark.parametrize(
    ("features", "message"),
    [
        ([[1.0, 2.0], [np.nan, 0.0]], "bad.npz: feature vector 1 holds NaN or infinity (1 of 2 such vectors)"),
        ([1.0, 2.0], "bad.npz: 'features' must be of shape [pictures, values], not [2]"),
        (np.zeros((0, 3)), "bad.npz: 'features' must be of shape [pictures, values], not [0, 3]"),
    ],
)
def test_features(pairsmith, tmp_path: Path, kind: str, features: Any, message: str) -> None:
    np.savez(tmp_path / "bad.npz", features=np.asarray(features))
    np.savez(tmp_path / "good.npz", features=np.random.default_rng(0).normal(size=(9, 2)))
    arguments = {
        "fid": ("--real", tmp_path / "good.npz", "--generated", tmp_path / "bad.npz"),
        "diversity": ("--pictures", tmp_path / "bad.npz"),
    }[kind]
    assert message in only_sentence(pairsmith("evaluate", kind, *arguments))


def test_fewer_pictures_than_values_are_a_warning(pairsmith, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name, count in (("a", 6), ("b", 7)):
        np.savez(tmp_path / f"{name}.npz", features=np.random.default_rng(count).normal(size=(count, 8)))
    result = pairsmith("evaluate", "fid", "--real", tmp_path / "a.npz", "--generated", tmp_path / "b.npz")
    assert result.exit_code == 0
    assert "b: 6 real and 7 generated, 8 values each" in result.output
    assert "with no more samples than values the covariance is singular" in result.stderr + caplog.text
    assert "sets of different size, 6 and 7 samples" in result.stderr + caplog.text
    arguments = ("evaluate", "fid", "--real", tmp_path / "b.npz", "--generated", tmp_path / "a.npz", "--generated")
    table = pairsmith(*arguments, tmp_path / "b.npz").output
    assert [line.split()[:2] for line in table.splitlines() if line.startswith(("fid", "recall"))] == [
        ["fid", "6/7"],
        ["recall", "7"],
    ]


def test_a_split_that_is_not_there(pairsmith, tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / SHARDS_NAME).write_text("1")
    arguments = ("evaluate", "zero-shot", "--data", tmp_path, "--split", "val", "--model", "x:y")
    assert "has no split 'val'; its splits are test" in only_sentence(pairsmith(*arguments))
