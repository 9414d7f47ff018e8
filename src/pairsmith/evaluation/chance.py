"""What a model would score that has not looked: the baselines that answers and captions are held against."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from pairsmith.evaluation.vqa_normalize import clean_answer
from pairsmith.seeds import numpy_generator


def majority_answers(annotations: Sequence[Mapping[str, Any]], by: str = "question_type") -> dict[Hashable, str]:
    """To every question the commonest answer of its kind, counted in these very annotations.

    Knowing the test's own answers makes this stronger than any guess from training data.

    Args:
        annotations: entries of a VQA annotation file.
        by: the key that says which questions are of a kind.
    """
    counts: dict[Any, Counter[str]] = {}
    for entry in annotations:
        found = counts.setdefault(entry.get(by, "other"), Counter())
        found.update(clean_answer(answer["answer"]) for answer in entry["answers"])
    best = {kind: min(found, key=lambda answer: (-found[answer], answer)) for kind, found in counts.items()}
    return {entry["question_id"]: best[entry.get(by, "other")] for entry in annotations}


def swapped_captions(captions: Mapping[Hashable, str], seed: int = 0) -> dict[Hashable, str]:
    """Every picture with the caption of another one: the same sentences, none of them about its picture.

    Pictures stand in a random circle and each takes its neighbour's caption, so of two or more none keeps its own.
    """
    order = numpy_generator(seed, "swapped captions").permutation(len(captions))
    names, texts = list(captions), list(captions.values())
    return {names[one]: texts[other] for one, other in zip(order, [*order[1:], *order[:1]], strict=True)}
