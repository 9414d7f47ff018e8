"""Can a linear classifier tell from features which generator drew a picture?

A generator leaves marks on its pictures, and features that carry them have learned more than what is shown. A probe is
fitted on pictures of one half of the captions and tested on those of the other half, so that content cannot help it.
Encoders trained on one generator and on an ensemble are compared on the same pictures: the lower the accuracy, the more
of the generators' marks is gone; chance is the share of the most frequent generator.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from pairsmith.errors import InputError
from pairsmith.evaluation.bootstrap import SHARE
from pairsmith.evaluation.image_text.linear_probe import linear_probe
from pairsmith.evaluation.score import Score, mean_score
from pairsmith.seeds import row_seed

PERCENT = 100.0


def generator_probe(
    features: ArrayLike,
    generators: Sequence[str],
    captions: Sequence[str],
    ids: Sequence[Hashable],
    *,
    seed: int = 0,
    device: str = "cpu",
) -> Score:
    """Accuracy of the probe in percent; the interval draws captions.

    Args:
        features: [N, D], of any length.
        generators: who drew each picture, [N].
        captions: what it shows, [N]; pictures of one caption are on one side of the split.
        ids: of the pictures, [N], each once.
        seed: of the split of captions, and of the probe's held-out pictures.
        device: where the probe is fitted.

    Raises:
        InputError: fewer than two generators or captions, or a generator without pictures on either side.
    """
    names = sorted(set(generators))
    if len(names) < 2:
        raise InputError(f"telling generators apart needs pictures of two or more, and there is only {names}")
    fitted = _first_half(captions, seed)
    labels = np.array([names.index(name) for name in generators], np.int64)
    for name, label in zip(names, range(len(names)), strict=True):
        if not (labels[fitted] == label).any() or not (labels[~fitted] == label).any():
            raise InputError(f"generator {name!r} drew too few captions to fit and to test a probe")
    rows = np.asarray(features, np.float64)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    found = linear_probe(rows[fitted], labels[fitted], rows[~fitted], len(names), seed=seed, device=device)
    correct = found.logits.argmax(axis=1) == labels[~fitted]
    tested = np.flatnonzero(~fitted).tolist()
    return mean_score(
        correct,
        [ids[place] for place in tested],
        images=[captions[place] for place in tested],
        scale=PERCENT,
        bounds=SHARE,
    )


def chance(generators: Sequence[str]) -> float:
    """Accuracy in percent of naming the most frequent generator every time."""
    _, counts = np.unique(np.array(generators), return_counts=True)
    return float(PERCENT * counts.max() / counts.sum())


def _first_half(captions: Sequence[str], seed: int) -> np.ndarray:
    """Whether a picture's caption is in the half that the probe is fitted on, bool [N]."""
    order = sorted(set(captions), key=lambda caption: row_seed(seed, caption, "generator probe"))
    if len(order) < 2:
        raise InputError("telling generators apart needs pictures of two captions or more")
    half = set(order[: len(order) // 2])
    return np.array([caption in half for caption in captions])
