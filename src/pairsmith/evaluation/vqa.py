"""VQA accuracy: the share of human annotators who agree with a prediction, averaged over leaving one annotator out.

With k of ten annotators agreeing an answer scores 0, .3, .6, .9 and, from four on, 1. Two protocols differ in when
answers are normalised, which is worth twenty points for a model that writes "Black." for "black": quote the protocol.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pairsmith.errors import InputError
from pairsmith.evaluation.bootstrap import SHARE, Interval
from pairsmith.evaluation.score import Score, mean_score
from pairsmith.evaluation.vqa_normalize import clean_answer, normalize_cleaned, normalize_evalai_answer
from pairsmith.evaluation.vqa_stem import stem_answer

logger = logging.getLogger(__name__)

Mode = Literal["always", "official-2021", "evalai"]
MODES: tuple[Mode, ...] = ("always", "official-2021", "evalai")

PAPER_SCALE = 100.0
_AGREEING = 3  # this many other annotators make a full point


@dataclass(frozen=True, eq=False)
class VqaResult:
    """VQA accuracy times 100, unrounded (the official program rounds to two decimals)."""

    score: Score  # of every question, to be resampled and compared
    per_question_type: dict[str, Score]
    per_answer_type: dict[str, Score]
    mode: Mode
    skipped_questions: int  # without a prediction (only with allow_partial)
    seed: int  # of the bootstrap

    @functools.cached_property
    def accuracy(self) -> Interval:
        """The accuracy with its interval."""
        return self.score.interval(self.seed)

    @property
    def per_question(self) -> dict[Hashable, float]:
        """Question id -> 0..100."""
        return dict(zip(self.score.ids, self.score.values.tolist(), strict=True))

    @property
    def questions(self) -> int:
        """How many were scored."""
        return self.score.n

    def __float__(self) -> float:
        return self.score.value


def vqa_accuracy(
    annotations: Sequence[Mapping[str, Any]],
    predictions: Mapping[Hashable, str],
    mode: Mode = "always",
    *,
    stem: bool = False,
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
            answers leave together; "evalai" is "always" with the normaliser of EvalAI and MMF, as TextVQA is scored.
        stem: also stem every word of answers and prediction (`vqa_stem`), as OK-VQA is often scored; not with
            "official-2021".
        allow_partial: score only the questions with a prediction.
        seed: of the bootstrap, which draws images where the annotations name them ("image_id"), else questions.

    Raises:
        InputError: unknown mode, a prediction for an unknown question, a question without prediction (unless
            `allow_partial`) or without answers, or a repeated question.
    """
    if mode not in MODES:
        raise InputError(f"unknown VQA mode {mode!r}: choose one of {', '.join(MODES)}")
    if stem and mode == "official-2021":
        raise InputError("mode official-2021 is the official program, which does not stem: choose always or evalai")
    by_id = _index(annotations)
    _check(by_id, predictions, allow_partial)
    question_accuracy = _official_accuracy if mode == "official-2021" else _normalized_accuracy(mode, stem)
    scores: dict[Hashable, float] = {}
    images: list[Hashable] = []
    question_types: list[str] = []
    answer_types: list[str] = []
    for question, annotation in by_id.items():
        if question not in predictions:
            continue
        scores[question] = question_accuracy(annotation["answers"], predictions[question])
        images.append(annotation.get("image_id", question))
        question_types.append(str(annotation.get("question_type", "other")))
        answer_types.append(str(annotation.get("answer_type", "other")))
    score = mean_score(list(scores.values()), list(scores), images=images, scale=PAPER_SCALE, bounds=SHARE)
    return VqaResult(
        score=score,
        per_question_type=_breakdown(scores, images, question_types),
        per_answer_type=_breakdown(scores, images, answer_types),
        mode=mode,
        skipped_questions=len(by_id) - score.n,
        seed=seed,
    )


def _normalized_accuracy(mode: Mode, stem: bool) -> Callable[[Sequence[Mapping[str, Any]], str], float]:
    """Everything normalised, annotators left out by position."""
    normalize = normalize_evalai_answer if mode == "evalai" else normalize_cleaned

    def known(answer: str) -> str:
        text = normalize(answer)
        return stem_answer(text) if stem else text

    def accuracy(answers: Sequence[Mapping[str, Any]], prediction: str) -> float:
        ours = known(prediction)
        matches = sum(known(answer["answer"]) == ours for answer in answers)
        return _mean_of_left_out(matches, len(answers))

    return accuracy


def _official_accuracy(answers: Sequence[Mapping[str, Any]], prediction: str) -> float:
    texts = [answer["answer"] for answer in answers]
    if len(set(texts)) == 1 or len({clean_answer(text) for text in texts}) == 1:
        texts, prediction = [clean_answer(text) for text in texts], clean_answer(prediction)
    else:
        texts, prediction = [normalize_cleaned(text) for text in texts], normalize_cleaned(prediction)
    matches = [place for place, text in enumerate(texts) if text == prediction]
    if len({answer.get("answer_id") for answer in answers}) == len(answers):
        return _mean_of_left_out(len(matches), len(answers))
    # Annotators are left out by equality of their whole entry: those who agree word by word leave together.
    entries = [{**answers[place], "answer": prediction} for place in matches]
    total = (len(answers) - len(matches)) * min(1.0, len(matches) / _AGREEING)
    total += sum(min(1.0, sum(other != entry for other in entries) / _AGREEING) for entry in entries)
    return total / len(answers)


@functools.cache
def _mean_of_left_out(matches: int, annotators: int) -> float:
    """The mean over leaving each annotator out, of whom `matches` agree with the prediction."""
    agreeing = matches * min(1.0, (matches - 1) / _AGREEING) if matches else 0.0
    return (agreeing + (annotators - matches) * min(1.0, matches / _AGREEING)) / annotators


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
            "complete the results, or allow partial results (--allow-partial)"
        )
    if not predictions:
        raise InputError("there are no predictions to score")
    empty = sum(not str(answer).strip() for answer in predictions.values())
    if empty:
        logger.warning("%d of %d predicted answers are empty", empty, len(predictions))


def _breakdown(scores: Mapping[Hashable, float], images: Sequence[Hashable], kinds: Sequence[str]) -> dict[str, Score]:
    members: dict[str, list[tuple[Hashable, float, Hashable]]] = {}
    for (question, value), image, kind in zip(scores.items(), images, kinds, strict=True):
        members.setdefault(kind, []).append((question, value, image))
    return {
        kind: mean_score(
            [value for _, value, _ in own],
            [question for question, _, _ in own],
            images=[image for *_, image in own],
            scale=PAPER_SCALE,
            bounds=SHARE,
        )
        for kind, own in sorted(members.items())
    }
