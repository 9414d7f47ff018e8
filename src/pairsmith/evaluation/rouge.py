"""ROUGE-L of the COCO caption code: the best precision and the best recall are taken independently over the references.

This is not the `rouge_score` package, which takes the best F of one reference with beta 1 and may stem.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pairsmith.errors import InputError
from pairsmith.evaluation.ngrams import Candidates, References, align

BETA = 1.2


@dataclass(frozen=True)
class RougeResult:
    """ROUGE-L on the scale 0..1."""

    score: float  # mean over images
    per_image: NDArray[np.float64]  # [N]
    images: int


def rouge_l(candidates: Candidates, references: References) -> RougeResult:
    """ROUGE-L of tokenised captions.

    Args:
        candidates, references: as in `cider`; words are separated by single blanks (a no-break space does not
        separate).

    Raises:
        InputError: no images, or unmatched candidates and references.
    """
    texts, groups = align(candidates, references)
    if not texts:
        raise InputError("ROUGE-L needs at least one image with a candidate and references, and none was given")
    per_image = np.array([_image_score(text, group) for text, group in zip(texts, groups, strict=True)])
    return RougeResult(float(per_image.mean()), per_image, len(texts))


def _image_score(candidate: str, references: Sequence[str]) -> float:
    words = candidate.split(" ")
    masks: dict[str, int] = {}
    for position, word in enumerate(words):
        masks[word] = masks.get(word, 0) | (1 << position)
    precision = recall = 0.0
    for reference in references:
        others = reference.split(" ")
        common = _common_subsequence(masks, len(words), others)
        precision = max(precision, common / len(words))
        recall = max(recall, common / len(others))
    if precision == 0 or recall == 0:
        return 0.0
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)


def _common_subsequence(masks: dict[str, int], length: int, others: list[str]) -> int:
    """Length of the longest common subsequence: bit i of the row is 0 where the textbook's table steps up."""
    row = everything = (1 << length) - 1
    for word in others:
        matches = row & masks.get(word, 0)
        row = ((row + matches) | (row - matches)) & everything
    return length - row.bit_count()
