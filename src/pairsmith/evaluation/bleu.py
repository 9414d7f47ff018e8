"""Corpus BLEU-1..4 of the COCO caption code: clipped counts, closest reference length, and its small constants.

This is not sacreBLEU, which has a tokeniser and a smoothing of its own. The constants make a missing 4-gram yield about
1e-4 instead of 0, so they belong to the definition.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pairsmith.errors import InputError
from pairsmith.evaluation.ngrams import Candidates, CaptionTable, References, align, caption_table, match_candidates

LARGEST_NGRAM = 4
_TINY = 1e-15  # added to correct counts and lengths
_SMALL = 1e-9  # added to what is divided by


@dataclass(frozen=True)
class BleuStatistics:
    """Sums that corpus BLEU is made of, one row an image; rows may be added up, so resampling needs no recount."""

    correct: NDArray[np.float64]  # [N, 4] clipped matches of each n
    guessed: NDArray[np.float64]  # [N, 4] n-grams of the candidate
    length: NDArray[np.float64]  # [N] words of the candidate
    reference_length: NDArray[np.float64]  # [N] words of the reference closest in length, the shorter at a tie

    def rows(self) -> NDArray[np.float64]:
        """All of it as one array, [N, 10]."""
        return np.column_stack([self.correct, self.guessed, self.length, self.reference_length])


@dataclass(frozen=True)
class BleuResult:
    """BLEU on the scale 0..1."""

    scores: tuple[float, ...]  # corpus BLEU-1 .. BLEU-4
    per_image: NDArray[np.float64]  # [N, 4]; their mean is not the corpus score
    statistics: BleuStatistics
    images: int


def bleu(candidates: Candidates, references: References) -> BleuResult:
    """BLEU-1..4 of tokenised captions.

    Args:
        candidates, references: as in `cider`.

    Raises:
        InputError: no images, or unmatched candidates and references.
    """
    texts, groups = align(candidates, references)
    if not texts:
        raise InputError("BLEU needs at least one image with a candidate and references, and none was given")
    statistics = _count(caption_table(texts, groups))
    rows = statistics.rows()
    per_image = bleu_of_sums(rows)
    corpus = bleu_of_sums(rows.sum(axis=0, keepdims=True))[0]
    return BleuResult(tuple(float(value) for value in corpus), per_image, statistics, len(texts))


def bleu_of_sums(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """BLEU-1..4 from (summed) rows of statistics: [M, 10] -> [M, 4]."""
    correct, guessed = rows[:, :LARGEST_NGRAM], rows[:, LARGEST_NGRAM : 2 * LARGEST_NGRAM]
    length, reference_length = rows[:, -2], rows[:, -1]
    products = np.cumprod((correct + _TINY) / (guessed + _SMALL), axis=1)
    scores = products ** (1.0 / np.arange(1, LARGEST_NGRAM + 1))
    ratio = (length + _TINY) / (reference_length + _SMALL)
    penalty = np.exp(1 - 1 / np.minimum(ratio, 1.0))
    return scores * penalty[:, None]


def _count(table: CaptionTable) -> BleuStatistics:
    images = table.images
    correct = np.zeros((images, LARGEST_NGRAM))
    for index, counts in enumerate(table.ngrams(LARGEST_NGRAM)):
        reference, candidate = match_candidates(counts, table)
        best = np.zeros(len(counts.counts), dtype=np.int64)  # most occurrences in any one reference
        np.maximum.at(best, candidate, counts.counts[reference])
        ours = counts.sentences < images
        clipped = np.minimum(best[ours], counts.counts[ours])
        correct[:, index] = np.bincount(counts.sentences[ours], clipped, minlength=images)
    lengths = table.lengths[:images]
    theirs, image = table.lengths[images:], table.image_of[images:]
    order = np.lexsort((theirs, np.abs(theirs - lengths[image]), image))  # closest first, then shorter
    closest = order[np.searchsorted(image[order], np.arange(images))]
    return BleuStatistics(
        correct=correct,
        guessed=np.maximum(lengths[:, None] - np.arange(LARGEST_NGRAM), 0).astype(np.float64),
        length=lengths.astype(np.float64),
        reference_length=theirs[closest].astype(np.float64),
    )
