"""Few-shot classification by nearest class mean over many small episodes (the protocol of LGSSL, used by SynthCLIP).

An episode draws classes, a few training pictures and some test pictures of each. Features are centred by the mean of
the episode's training pictures and normalised; a test picture gets the class of the nearest mean. LGSSL gives it the
layer before the projection, our commands the embeddings that retrieval uses, of length 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pairsmith.errors import InputError
from pairsmith.evaluation.bootstrap import SHARE
from pairsmith.evaluation.score import Score, mean_score
from pairsmith.seeds import numpy_generator

WAYS, SHOTS, QUERIES, EPISODES = 5, 5, 6, 5000  # LGSSL's settings


def few_shot_score(
    train: ArrayLike,
    train_labels: ArrayLike,
    test: ArrayLike,
    test_labels: ArrayLike,
    *,
    ways: int = WAYS,
    shots: int = SHOTS,
    queries: int = QUERIES,
    episodes: int = EPISODES,
    seed: int = 0,
) -> Score:
    """Accuracy in percent; the interval is over episodes, as few-shot papers give it.

    Args:
        train, train_labels, test, test_labels: features [N, D], [M, D] and classes.
        ways: classes of an episode.
        shots: training pictures of each class.
        queries: test pictures of each class (all of them where there are fewer).

    Raises:
        InputError: fewer classes than `ways`, or a class with fewer than `shots` training pictures or no test picture.
    """
    ours, theirs = np.asarray(train, np.float64), np.asarray(test, np.float64)
    places = _by_class(train_labels)
    asked = _by_class(test_labels)
    if len(places) < ways:
        raise InputError(f"an episode of {ways} classes needs more than the {len(places)} there are")
    for label, own in places.items():
        if len(own) < shots:
            raise InputError(f"class number {label} has {len(own)} training pictures, fewer than {shots} shots")
        if label not in asked:
            raise InputError(f"class number {label} has no test pictures")
    accuracies = []
    labels = np.array(sorted(places))
    for episode in range(episodes):
        rng = numpy_generator(seed, f"episode/{episode}")
        drawn = rng.permutation(labels)[:ways]
        support = np.concatenate([rng.permutation(places[label])[:shots] for label in drawn])  # [ways * shots]
        query = [rng.permutation(asked[label])[:queries] for label in drawn]
        truth = np.repeat(np.arange(ways), [len(own) for own in query])
        accuracies.append(_episode_accuracy(ours[support], theirs[np.concatenate(query)], truth, ways))
    return mean_score(accuracies, range(episodes), scale=100.0, bounds=SHARE)


def _episode_accuracy(
    support: NDArray[np.float64], query: NDArray[np.float64], truth: NDArray[np.int64], ways: int
) -> float:
    centre = support.mean(axis=0)
    means = _normalized(support - centre).reshape(ways, -1, support.shape[1]).mean(axis=1)  # [ways, D]
    asked = _normalized(query - centre)  # [Q, D]
    distances = np.linalg.norm(asked[:, None] - means[None], axis=2)  # [Q, ways]
    return float((distances.argmin(axis=1) == truth).mean())


def _normalized(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1.0)


def _by_class(labels: ArrayLike) -> dict[int, NDArray[np.int64]]:
    array = np.asarray(labels, np.int64)
    return {int(label): np.flatnonzero(array == label) for label in np.unique(array)}
