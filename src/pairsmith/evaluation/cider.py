"""CIDEr-D and plain CIDEr, to the digits of the COCO caption code.

What papers call "CIDEr" is CIDEr-D: n-gram weights are raw counts times the inverse document frequency over the
evaluated images, matches are clipped, and a Gaussian punishes a different length. The frequencies come from the
references of the images in the same call, so a score depends on which images are evaluated: quote the number of images
with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pairsmith.errors import InputError
from pairsmith.evaluation.ngrams import Candidates, References, align, caption_table, match_candidates

Variant = Literal["cider-d", "cider"]

LARGEST_NGRAM = 4
LENGTH_SIGMA = 6.0  # words
SCALE = 10.0
FEW_IMAGES = 100


@dataclass(frozen=True)
class CiderResult:
    """A CIDEr score on the scale 0..10 of the original code (papers print it times 100)."""

    score: float  # mean over images
    per_image: NDArray[np.float64]  # [N], in the order of the candidates
    variant: Variant
    images: int
    warning: str | None  # why the score should not be trusted, if so

    def __float__(self) -> float:
        return self.score


def cider(candidates: Candidates, references: References, variant: Variant = "cider-d") -> CiderResult:
    """CIDEr of tokenised captions.

    Args:
        candidates: one caption an image, tokenised (`ptb_tokenize`) and joined by blanks: a sequence, or a mapping from
            image id.
        references: the tokenised reference captions of each image, in the same form.
        variant: "cider-d" (what papers report) or "cider" (no clipping, no length penalty).

    Returns:
        the score on the scale 0..10 and the scores of the images. With a single image every score is 0, because no
        n-gram is rarer than another; with fewer than 100 images the result carries a warning.

    Raises:
        InputError: no images, unmatched candidates and references, or an unknown variant.
    """
    if variant not in ("cider-d", "cider"):
        raise InputError(f"unknown CIDEr variant {variant!r}: choose 'cider-d' or 'cider'")
    texts, groups = align(candidates, references)
    if not texts:
        raise InputError("CIDEr needs at least one image with a candidate and references, and none was given")
    table = caption_table(texts, groups)
    images, clipped = table.images, variant == "cider-d"
    pairs = len(table.lengths) - images  # P, one per (image, reference)
    image_of_pair = table.image_of[images:]  # [P]
    bigrams = np.maximum(table.lengths - 1, 0)  # the original's length of a caption
    length_weight = np.ones(pairs)
    if clipped:
        difference = bigrams[image_of_pair] - bigrams[images:]
        length_weight = np.exp(-(difference**2) / (2 * LENGTH_SIGMA**2))

    similarity = np.zeros(pairs)
    for counts in table.ngrams(LARGEST_NGRAM):
        is_reference = counts.sentences >= images
        grams, image = counts.grams[is_reference], table.image_of[counts.sentences[is_reference]]
        first = np.ones(len(grams), dtype=bool)  # first entry of its n-gram in its image
        first[1:] = (grams[1:] != grams[:-1]) | (image[1:] != image[:-1])
        frequency = np.bincount(grams[first], minlength=counts.distinct)
        rarity = math.log(images) - np.log(np.maximum(frequency, 1))
        weights = counts.counts * rarity[counts.grams]  # [E]
        norms = np.sqrt(np.bincount(counts.sentences, weights**2, minlength=len(table.lengths)))  # [S]

        reference, candidate = match_candidates(counts, table)
        theirs, ours = weights[reference], weights[candidate]
        products = (np.minimum(ours, theirs) if clipped else ours) * theirs
        dots = np.bincount(counts.sentences[reference] - images, products, minlength=pairs)
        scale = norms[image_of_pair] * norms[images:]
        similarity += np.divide(dots, scale, out=np.zeros(pairs), where=scale > 0)
    similarity *= length_weight / LARGEST_NGRAM
    per_image = SCALE * np.bincount(image_of_pair, similarity, minlength=images) / table.references_of
    return CiderResult(float(per_image.mean()), per_image, variant, images, _warning(images))


def _warning(images: int) -> str | None:
    if images == 1:
        return "CIDEr of a single image is always 0: document frequencies need at least two images"
    if images < FEW_IMAGES:
        return f"CIDEr of only {images} images: document frequencies are unreliable below {FEW_IMAGES}"
    return None
