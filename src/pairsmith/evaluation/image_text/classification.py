"""Classified pictures, and how predictions for them are scored: top-1, top-5, and the mean over classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pairsmith.errors import InputError
from pairsmith.evaluation.bootstrap import SHARE
from pairsmith.evaluation.pictures import Picture
from pairsmith.evaluation.score import Score, mean_score

PERCENT = 100.0
TOP = 5  # the second accuracy, where there are at least so many classes

Templates = Sequence[str] | Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class ClassificationSet:
    """Pictures of known classes.

    Attributes:
        pictures: [N].
        labels: the class of each, [N], from 0.
        classes: names, [K].
        templates: prompts with `{c}` where the class goes, or complete prompts by class name; empty where the data say
            nothing.
    """

    pictures: tuple[Picture, ...]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    templates: Templates = ()

    def __post_init__(self) -> None:
        if not self.pictures:
            raise InputError("there are no pictures to classify")
        if len(self.pictures) != len(self.labels):
            raise InputError(f"{len(self.pictures)} pictures and {len(self.labels)} labels do not belong together")
        if self.labels.min() < 0 or self.labels.max() >= len(self.classes):
            raise InputError(
                f"labels from {self.labels.min()} to {self.labels.max()} do not fit {len(self.classes)} classes"
            )

    @property
    def names(self) -> list[str]:
        """Names of the pictures, [N]."""
        return [picture.name for picture in self.pictures]


def classification_scores(logits: ArrayLike, labels: ArrayLike, names: Sequence[str]) -> dict[str, Score]:
    """`acc1`, `acc5` (with five classes or more) and `mean_per_class_recall`, in percent.

    Args:
        logits: [N, K]; of equal ones the class of the smaller number wins, as argmax has it.
        labels: [N].
        names: of the pictures, [N].

    Raises:
        InputError: logits that are not finite.
    """
    values, truth = np.asarray(logits), np.asarray(labels, np.int64)
    if not np.isfinite(values).all():
        raise InputError(f"the class scores of picture {names[int((~np.isfinite(values).all(1)).argmax())]!r} are NaN")
    own = values[np.arange(len(truth)), truth][:, None]
    before = (values > own) | ((values == own) & (np.arange(values.shape[1]) < truth[:, None]))
    ranks = before.sum(axis=1)  # [N]
    sizes = np.bincount(truth, minlength=values.shape[1])
    scores = {"acc1": mean_score(ranks < 1, names, scale=PERCENT, bounds=SHARE)}
    if values.shape[1] >= TOP:
        scores["acc5"] = mean_score(ranks < TOP, names, scale=PERCENT, bounds=SHARE)
    scores["mean_per_class_recall"] = mean_score(
        ranks < 1, names, weights=1 / sizes[truth], scale=PERCENT, bounds=SHARE
    )
    return scores
