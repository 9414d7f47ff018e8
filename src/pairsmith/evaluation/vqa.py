"""VQA accuracy: the share of human annotators who agree with a prediction, averaged over leaving one annotator out.

With k of ten annotators agreeing an answer scores 0, .3, .6, .9 and, from four on, 1. Two protocols differ in when
answers are normalised, which is worth twenty points for a model that writes "Black." for "black": quote the protocol.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pairsmith.errors import InputError
from pairsmith.evaluation.bootstrap import Interval, mean_interval
from pairsmith.evaluation.vqa_normalize import clean_answer, normalize_answer

logger = logging.getLogger(__name__)

Mode = Literal["always", "official-2021"]

PAPER_SCALE = 100.0
_AGREEING = 3  # this many other annotators make a full point


@dataclass(frozen=True)
class VqaResult:
    """VQA accuracy times 100, unrounded (the official program rounds to two decimals)."""

    accuracy: Interval
    per_question: dict[Hashable, float]  # question id -> 0..100
    per_question_type: dict[str, Interval]
    per_answer_type: dict[str, Interval]
    mode: Mode
    questions: int
    skipped_questions: int  # without a prediction (only with allow_partial)

    def __float__(self) -> float:
        return self.accuracy.value


def vqa_accuracy(
    annotations: Sequence[Mapping[str, Any]],
    predictions: Mapping[Hashable, str],
    mode: Mode = "always",
    *,
    allow_partial: bool = False,
    seed: int = 0,
) -> VqaResult:
    """Accuracy of predicted answers.

    Args:
        annotations: entries of a VQA annotation file: "question_id", "answers" (each a mapping with "answer", and
            optionally "answer_id"), optionally "question_type" and "answer_type".
        predictions: question id -> answer.
        mode: "always" normalises answers and prediction of every question and leaves annotators out by position;
            "official-2021" reproduces the official code since March 2021: nothing is normalised where all annotators
            gave the same answer, and annotators are left out by equality, so in files without answer ids all equal
            answers leave together.
        allow_partial: score only the questions with a prediction.
        seed: of the bootstrap over questions.

    Raises:
        InputError: unknown mode, a prediction for an unknown question, a question without prediction (unless
            `allow_partial`) or without answers, or a repeated question.
    """
    if mode not in ("always", "official-2021"):
        raise InputError(f"unknown VQA mode {mode!r}: choose 'always' or 'official-2021'")
    by_id = _index(annotations)
    _check(by_id, predictions, allow_partial)
    question_accuracy = _official_accuracy if mode == "official-2021" else _always_accuracy
    scores: dict[Hashable, float] = {}
    question_types: list[str] = []
    answer_types: list[str] = []
    for question, annotation in by_id.items():
        if question not in predictions:
            continue
        scores[question] = PAPER_SCALE * question_accuracy(annotation["answers"], predictions[question])
        question_types.append(str(annotation.get("question_type", "other")))
        answer_types.append(str(annotation.get("answer_type", "other")))
    values = np.array(list(scores.values()))
    return VqaResult(
        accuracy=mean_interval(values, seed),
        per_question=scores,
        per_question_type=_breakdown(values, question_types, seed),
        per_answer_type=_breakdown(values, answer_types, seed),
        mode=mode,
        questions=len(values),
        skipped_questions=len(by_id) - len(values),
    )


def _always_accuracy(answers: Sequence[Mapping[str, Any]], prediction: str) -> float:
    texts = [normalize_answer(clean_answer(answer["answer"])) for answer in answers]
    prediction = normalize_answer(clean_answer(prediction))
    matches = [text == prediction for text in texts]
    total = sum(matches)
    return sum(min(1.0, (total - match) / _AGREEING) for match in matches) / len(matches)


def _official_accuracy(answers: Sequence[Mapping[str, Any]], prediction: str) -> float:
    cleaned = [{**answer, "answer": clean_answer(answer["answer"])} for answer in answers]
    prediction = clean_answer(prediction)
    if len({answer["answer"] for answer in cleaned}) > 1:
        cleaned = [{**answer, "answer": normalize_answer(answer["answer"])} for answer in cleaned]
        prediction = normalize_answer(prediction)
    total = 0.0
    for left_out in cleaned:
        agreeing = sum(other["answer"] == prediction for other in cleaned if other != left_out)
        total += min(1.0, agreeing / _AGREEING)
    return total / len(cleaned)


def _index(annotations: Iterable[Mapping[str, Any]]) -> dict[Hashable, Mapping[str, Any]]:
    by_id: dict[Hashable, Mapping[str, Any]] = {}
    for index, annotation in enumerate(annotations):
        for key in ("question_id", "answers"):
            if key not in annotation:
                raise InputError(f"VQA annotation number {index} has no {key!r}")
        question = annotation["question_id"]
        if question in by_id:
            raise InputError(f"question {question!r} is annotated twice")
        if not annotation["answers"]:
            raise InputError(f"question {question!r} has no human answers")
        by_id[question] = annotation
    return by_id


def _check(
    annotations: Mapping[Hashable, Mapping[str, Any]], predictions: Mapping[Hashable, str], allow_partial: bool
) -> None:
    unknown = [question for question in predictions if question not in annotations]
    if unknown:
        raise InputError(
            f"{len(unknown)} of {len(predictions)} predictions are for questions without annotations, "
            f"the first is question {unknown[0]!r}"
        )
    missing = [question for question in annotations if question not in predictions]
    if missing and not allow_partial:
        raise InputError(
            f"{len(missing)} of {len(annotations)} questions have no prediction, the first is question {missing[0]!r}: "
            "complete the results or allow partial results"
        )
    if not predictions:
        raise InputError("there are no predictions to score")
    empty = sum(not str(answer).strip() for answer in predictions.values())
    if empty:
        logger.warning("%d of %d predicted answers are empty", empty, len(predictions))


def _breakdown(values: NDArray[np.float64], kinds: Sequence[str], seed: int) -> dict[str, Interval]:
    labels = np.array(kinds)
    return {kind: mean_interval(values[labels == kind], seed) for kind in sorted(set(kinds))}
