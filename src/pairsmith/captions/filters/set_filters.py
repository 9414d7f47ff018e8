"""Filters that compare captions with earlier ones: repetitions, near repetitions, and too common runs of words.

The first row in the store's order wins, so the result is a function of the rows alone. Each takes the captions that
other filters left and returns a reason or None for each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pairsmith.captions.cleaning import words
from pairsmith.captions.duplicates import caption_key, first_occurrences
from pairsmith.captions.filters.settings import NgramCap
from pairsmith.errors import InputError
from pairsmith.vector_twins import vector_twins


def exact_duplicates(captions: Sequence[str], ids: Sequence[str]) -> list[str | None]:
    """Captions that repeat an earlier one but for case, punctuation and accents."""
    first = first_occurrences(captions)
    return [None if first[at] == at else f"duplicate: of {ids[int(first[at])]}" for at in range(len(captions))]


def shingles(caption: str) -> frozenset[str]:
    """The words and the pairs of neighbouring words of a caption, as `caption_key` spells them."""
    spoken = caption_key(caption).split()
    return frozenset([*spoken, *(f"{first} {second}" for first, second in pairwise(spoken))])


def near_duplicates(
    captions: Sequence[str], ids: Sequence[str], jaccard: float, permutations: int = 128
) -> list[str | None]:
    """Captions whose words and word pairs overlap with an earlier kept caption's by `jaccard` or more.

    Candidates come from MinHash with locality-sensitive hashing (datasketch) and are then compared exactly: nothing is
    dropped below the limit, and pairs just above it may rarely be missed.

    Raises:
        InputError: datasketch is not installed.
    """
    try:
        from datasketch import MinHash, MinHashLSH
    except ImportError as error:
        raise InputError("near duplicates need the package datasketch: pip install datasketch") from error
    # Tuned to miss few pairs near the limit; what it offers too much is compared exactly.
    index = MinHashLSH(threshold=max(0.1, jaccard - 0.1), num_perm=permutations, weights=(0.1, 0.9))
    kept: dict[int, frozenset[str]] = {}
    reasons: list[str | None] = []
    for at, caption in enumerate(captions):
        parts = shingles(caption)
        if not parts:
            reasons.append(None)
            continue
        sketch = MinHash(num_perm=permutations, seed=1)
        sketch.update_batch([part.encode() for part in sorted(parts)])
        near = [other for other in sorted(index.query(sketch)) if overlap(parts, kept[other]) >= jaccard]
        if near:
            reasons.append(f"near duplicate: of {ids[near[0]]}")
            continue
        index.insert(at, sketch)
        kept[at] = parts
        reasons.append(None)
    return reasons


def overlap(first: frozenset[str], second: frozenset[str]) -> float:
    """Jaccard's index of two sets, one of which has something in it."""
    shared = len(first & second)
    return shared / (len(first) + len(second) - shared)


def near_embeddings(embeddings: ArrayLike, ids: Sequence[str], cosine: float) -> list[str | None]:
    """Captions whose embedding lies within `cosine` of an earlier kept one's.

    Every pair is compared, so the work grows with the square of the rows: meant for up to some 100,000.

    Args:
        embeddings: [N, D], any length.
        ids: of the rows.
        cosine: least similarity that counts as a repetition.

    Raises:
        InputError: not one vector a row, or a vector without direction.
    """
    return near_vectors(unit_vectors(embeddings, len(ids)), ids, cosine)


def unit_vectors(embeddings: ArrayLike, count: int) -> NDArray[np.float32]:
    """Embeddings of `count` captions made as long as 1, float32 [N, D].

    Raises:
        InputError: not one vector a row, or a vector without direction.
    """
    vectors = np.asarray(embeddings, np.float32)
    if vectors.ndim != 2 or len(vectors) != count:
        raise InputError(f"{count} captions need one embedding each, not an array of shape {vectors.shape}")
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(norms).all() or (norms == 0).any():
        raise InputError("an embedding is zero or not finite")
    return vectors / norms


def near_vectors(vectors: NDArray[np.float32], ids: Sequence[str], cosine: float) -> list[str | None]:
    """As `near_embeddings`, of vectors [N, D] that are as long as 1."""
    twins, _ = vector_twins(vectors, cosine)
    return [None if twin == at else f"near duplicate: of {ids[twin]}" for at, twin in enumerate(twins.tolist())]


def common_ngrams(captions: Sequence[str], cap: NgramCap) -> list[str | None]:
    """Captions that come after `cap.most` kept ones with one and the same run of `cap.length` words."""
    counts: Counter[tuple[str, ...]] = Counter()
    reasons: list[str | None] = []
    for caption in captions:
        spoken = words(caption)
        runs = {tuple(spoken[at : at + cap.length]) for at in range(len(spoken) - cap.length + 1)}
        full = sorted(run for run in runs if counts[run] >= cap.most)
        if full:
            reasons.append(f"common n-gram: {' '.join(full[0])!r} stands in {cap.most} captions before")
        else:
            counts.update(runs)
            reasons.append(None)
    return reasons
