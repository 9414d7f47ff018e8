"""Caption scores of one set of predictions: tokenise once, score, and put an interval on every number."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pairsmith.errors import InputError
from pairsmith.evaluation.bleu import BleuResult, bleu, bleu_of_sums
from pairsmith.evaluation.bootstrap import Interval
from pairsmith.evaluation.cider import cider
from pairsmith.evaluation.ptb import ptb_tokenize
from pairsmith.evaluation.rouge import rouge_l
from pairsmith.evaluation.score import Floats, Score, mean_score

logger = logging.getLogger(__name__)

PAPER_SCALE = 100.0


@dataclass(frozen=True)
class CaptionScores:
    """Caption metrics on the papers' scale (times 100)."""

    metrics: dict[str, Interval]  # cider_d, cider, bleu_1 .. bleu_4, rouge_l
    images: int
    references: int
    empty_predictions: int  # predictions without a single token
    skipped_images: int  # references without a prediction (only with allow_partial)
    tokenizer: str  # "ptb" or "none"
    per_image: dict[str, NDArray[np.float64]]  # cider_d, cider, rouge_l: [N], in the order of `ids`, times 100
    ids: tuple[Hashable, ...]
    warnings: tuple[str, ...]
    scores: dict[str, Score]  # the same metrics, to be resampled and compared

    def __getitem__(self, name: str) -> Interval:
        return self.metrics[name]


def caption_scores(
    references: Mapping[Hashable, Sequence[str]],
    candidates: Mapping[Hashable, str],
    *,
    tokenize: bool = True,
    allow_partial: bool = False,
    seed: int = 0,
) -> CaptionScores:
    """Score predicted captions against references.

    Args:
        references: image id -> its human captions (raw text).
        candidates: image id -> the predicted caption.
        tokenize: apply the PTB tokeniser (the official scores); False when the captions are tokenised already.
        allow_partial: score only the images that have a prediction. The scores then belong to that subset: CIDEr's
            frequencies come from it.
        seed: of the bootstrap.

    Returns:
        the metrics with 95 % bootstrap intervals over images (CIDEr with its document frequencies fixed).

    Raises:
        InputError: predictions for unknown images, images without a prediction (unless `allow_partial`), or images
            without references; one id and the counts are named.
    """
    _check(references, candidates, allow_partial)
    ids = tuple(name for name in references if name in candidates)
    if tokenize:
        texts = ptb_tokenize([candidates[name] for name in ids])
        flat = iter(ptb_tokenize([caption for name in ids for caption in references[name]]))
        groups = [[next(flat) for _ in references[name]] for name in ids]
    else:
        texts = [candidates[name] for name in ids]
        groups = [list(references[name]) for name in ids]

    consensus = cider(texts, groups)
    per_image = {
        "cider_d": PAPER_SCALE * consensus.per_image,
        "cider": PAPER_SCALE * cider(texts, groups, "cider").per_image,
        "rouge_l": PAPER_SCALE * rouge_l(texts, groups).per_image,
    }
    scores = {name: mean_score(values, ids) for name, values in per_image.items()}
    scores |= _bleu_scores(bleu(texts, groups), ids)
    empty = sum(not text for text in texts)
    warnings = [consensus.warning] if consensus.warning else []
    if empty:
        warnings.append(f"{empty} of {len(ids)} predictions are empty and score 0")
    for warning in warnings:
        logger.warning(warning)
    return CaptionScores(
        metrics={name: score.interval(seed) for name, score in scores.items()},
        images=len(ids),
        references=sum(map(len, groups)),
        empty_predictions=empty,
        skipped_images=len(references) - len(ids),
        tokenizer="ptb" if tokenize else "none",
        per_image=per_image,
        ids=ids,
        warnings=tuple(warnings),
        scores=scores,
    )


def _bleu_scores(result: BleuResult, ids: tuple[Hashable, ...]) -> dict[str, Score]:
    """BLEU is a function of sums over images; its constants are not scale-free, so means are turned back into sums."""
    rows = result.statistics.rows()

    def statistic(means: Floats, column: int) -> Floats:
        return PAPER_SCALE * bleu_of_sums(means * len(ids))[:, column]

    return {
        f"bleu_{order + 1}": Score(ids, rows, partial(statistic, column=order), ids, PAPER_SCALE * values)
        for order, values in enumerate(np.asarray(result.per_image).T)
    }


def _check(
    references: Mapping[Hashable, Sequence[str]], candidates: Mapping[Hashable, str], allow_partial: bool
) -> None:
    unknown = [name for name in candidates if name not in references]
    if unknown:
        kinds = {type(name).__name__ for name in references} | {type(name).__name__ for name in candidates}
        hint = "; ids are numbers in one file and text in the other" if {"int", "str"} <= kinds else ""
        raise InputError(
            f"{len(unknown)} of {len(candidates)} predictions are for images without references, "
            f"the first is {unknown[0]!r}{hint}"
        )
    missing = [name for name in references if name not in candidates]
    if missing and not allow_partial:
        raise InputError(
            f"{len(missing)} of {len(references)} images have no prediction, the first is {missing[0]!r}: "
            "complete the results, or allow partial results (--allow-partial)"
        )
    if not candidates:
        raise InputError("there are no predictions to score")
    for name, caption in candidates.items():
        if not isinstance(caption, str):
            raise InputError(f"the prediction for image {name!r} must be text, not {type(caption).__name__}")
        if not references[name]:
            raise InputError(f"image {name!r} has no reference captions")
