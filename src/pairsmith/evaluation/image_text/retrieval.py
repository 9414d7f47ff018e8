"""Image and text retrieval: recall at k, several captions an image, counted as CLIP_benchmark and CLIP's papers do.

A query counts as found when any of its positives is among the k nearest: an image has several captions and one of them
suffices. Equal scores are ordered by position, as a stable sort does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pairsmith.errors import InputError
from pairsmith.evaluation.bootstrap import SHARE
from pairsmith.evaluation.image_text.dual_encoder import DualEncoder, picture_features, text_features
from pairsmith.evaluation.pictures import Picture
from pairsmith.evaluation.score import Score, mean_score

RECALLS = (1, 5, 10)
PERCENT = 100.0
_QUERIES = 512  # ranked at once

Ranks = NDArray[np.int64]


@dataclass(frozen=True)
class RetrievalSet:
    """Images with their captions."""

    ids: tuple[Hashable, ...]  # of the images, [I]
    pictures: tuple[Picture, ...]  # [I]
    captions: tuple[tuple[str, ...], ...]  # of each image

    def __post_init__(self) -> None:
        if not self.ids:
            raise InputError("there are no images to retrieve")
        for name, own in zip(self.ids, self.captions, strict=True):
            if not own:
                raise InputError(f"image {name!r} has no captions to retrieve it by")

    @property
    def texts(self) -> list[str]:
        """All captions, image by image, [T]."""
        return [text for own in self.captions for text in own]

    @property
    def owners(self) -> NDArray[np.int64]:
        """The place of the image that each text belongs to, [T]."""
        return np.repeat(np.arange(len(self.captions)), [len(own) for own in self.captions])


def best_ranks(queries: ArrayLike, gallery: ArrayLike, query_owners: ArrayLike, gallery_owners: ArrayLike) -> Ranks:
    """Rank (from 0) of the best positive of each query.

    Args:
        queries, gallery: features [Q, D] and [G, D] of length 1.
        query_owners, gallery_owners: the image each belongs to, [Q] and [G]; equal owners are positives.

    Raises:
        InputError: a query without a positive.
    """
    asked, stored = np.asarray(queries, np.float32), np.asarray(gallery, np.float32)
    asked_owner, stored_owner = np.asarray(query_owners), np.asarray(gallery_owners)
    ranks = np.empty(len(asked), np.int64)
    place = np.arange(len(stored))
    for start in range(0, len(asked), _QUERIES):
        scores = asked[start : start + _QUERIES] @ stored.T  # [q, G]
        positive = asked_owner[start : start + _QUERIES, None] == stored_owner  # [q, G]
        if not positive.any(axis=1).all():
            raise InputError(f"query {start + int(np.flatnonzero(~positive.any(axis=1))[0])} has nothing to be found")
        best = np.where(positive, scores, -np.inf).argmax(axis=1)  # [q], the first of equals
        reached = scores[np.arange(len(scores)), best][:, None]
        before = (scores > reached) | ((scores == reached) & (place < best[:, None]))
        ranks[start : start + _QUERIES] = before.sum(axis=1)
    return ranks


def retrieval_scores(
    encoder: DualEncoder, data: RetrievalSet, *, recalls: Sequence[int] = RECALLS, batch_size: int = 64
) -> dict[str, Score]:
    """`image_retrieval_r{k}` (a text finds its image) and `text_retrieval_r{k}` (an image finds a text), in percent.

    Intervals draw images: the captions of an image are found or missed together.

    Raises:
        InputError: the gallery holds fewer than k things.
    """
    images = picture_features(encoder, data.pictures, batch_size)
    texts = text_features(encoder, data.texts)
    return recall_scores(images, texts, data.owners, data.ids, recalls)


def recall_scores(
    images: ArrayLike,
    texts: ArrayLike,
    owners: ArrayLike,
    ids: Sequence[Hashable],
    recalls: Sequence[int] = RECALLS,
) -> dict[str, Score]:
    """The same from features of length 1: images [I, D], texts [T, D], owners [T] the place of each text's image."""
    own, places = np.asarray(owners), np.arange(len(ids))
    if max(recalls) > min(len(ids), len(own)):
        raise InputError(
            f"recall at {max(recalls)} needs at least as many images and captions, and there are {len(ids)} images "
            f"and {len(own)} captions"
        )
    found_images = best_ranks(texts, images, own, places)  # [T]
    found_texts = best_ranks(images, texts, places, own)  # [I]
    seen: Counter[int] = Counter()
    text_ids = []
    for image in own.tolist():
        text_ids.append(f"{ids[image]}/{seen[image]}")
        seen[image] += 1
    text_images = [ids[image] for image in own]
    scores: dict[str, Score] = {}
    for k in recalls:
        scores[f"image_retrieval_r{k}"] = mean_score(
            found_images < k, text_ids, images=text_images, scale=PERCENT, bounds=SHARE
        )
        scores[f"text_retrieval_r{k}"] = mean_score(found_texts < k, list(ids), scale=PERCENT, bounds=SHARE)
    return scores
