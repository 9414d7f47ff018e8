"""Few-shot episodes: separable classes, an episode by hand, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from pairsmith.errors import InputError
from pairsmith.evaluation.image_text.few_shot import _episode_accuracy, few_shot_score


def test_separate_classes_are_told_apart_and_noise_is_not() -> None:
    labels = np.arange(120) % 6
    rng = np.random.default_rng(0)
    near = np.eye(6)[labels] + 0.01 * rng.normal(size=(120, 6))
    assert few_shot_score(near, labels, near, labels, episodes=20).value == 100
    noise = rng.normal(size=(120, 6))
    blind = few_shot_score(noise, labels, rng.normal(size=(120, 6)), labels, episodes=200)
    assert blind.value == pytest.approx(20, abs=4)
    assert blind.n == 200


def test_features_are_centred_by_the_support_alone() -> None:
    """Two classes that differ by direction only after the common part is taken off."""
    support = np.array([[10.0, 1.0], [10.0, -1.0]])
    query = np.array([[12.0, 3.0], [9.0, -0.1]])
    # centred: (2, 3) is nearer to (0, 1), (-1, -.1) -> (-.995, -.0995) is nearer to (0, -1)
    assert _episode_accuracy(support, query, np.array([0, 1]), 2) == 1.0


def test_queries_are_centred_too() -> None:
    support = np.array([[10.0, 0.0], [10.0, 2.0]])  # centred: (0, -1) and (0, 1)
    assert _episode_accuracy(support, np.array([[10.0, 0.5]]), np.array([0]), 2) == 1.0  # not centred: nearer to (0, 1)


def test_an_episode_of_everything_is_lgssls_formula_in_loops() -> None:
    """With all classes, all training and all test pictures nothing is left to chance but their order."""
    rng = np.random.default_rng(3)
    centres, common = rng.normal(size=(4, 5)), 4 * rng.normal(size=5)

    def pictures(count: int) -> tuple[np.ndarray, np.ndarray]:
        labels = np.arange(4 * count) % 4
        sizes = rng.uniform(0.3, 3, size=(len(labels), 1))  # lengths differ, so that it shows where they are taken off
        return common + sizes * (centres[labels] + rng.normal(size=(len(labels), 5))), labels

    (train, train_labels), (test, test_labels) = pictures(6), pictures(40)
    mean = [sum(row[d] for row in train) / len(train) for d in range(5)]

    def unit(row: np.ndarray) -> list[float]:
        moved = [row[d] - mean[d] for d in range(5)]
        length = sum(value * value for value in moved) ** 0.5
        return [value / length for value in moved]

    prototypes = []
    for label in range(4):
        own = [unit(row) for row, known in zip(train, train_labels, strict=True) if known == label]
        prototypes.append([sum(row[d] for row in own) / len(own) for d in range(5)])
    right = 0
    for row, label in zip(test, test_labels, strict=True):
        asked = unit(row)
        distances = [sum((asked[d] - known[d]) ** 2 for d in range(5)) for known in prototypes]
        right += distances.index(min(distances)) == label
    found = few_shot_score(train, train_labels, test, test_labels, ways=4, shots=6, queries=40, episodes=3)
    assert 0.3 < right / len(test) < 0.9
    assert found.value == pytest.approx(100 * right / len(test), abs=1e-9)


def test_episodes_come_from_the_seed() -> None:
    rng = np.random.default_rng(1)
    features, labels = rng.normal(size=(60, 4)), np.arange(60) % 6
    first = few_shot_score(features, labels, features, labels, episodes=5, seed=1)
    np.testing.assert_array_equal(
        first.values, few_shot_score(features, labels, features, labels, episodes=5, seed=1).values
    )
    assert (first.values != few_shot_score(features, labels, features, labels, episodes=5, seed=2).values).any()


def test_too_few_classes_or_pictures_are_named() -> None:
    features, labels = np.eye(6), np.arange(6)
    with pytest.raises(InputError, match="episode of 7 classes"):
        few_shot_score(features, labels, features, labels, ways=7)
    with pytest.raises(InputError, match="class number 0 has 1 training pictures, fewer than 5"):
        few_shot_score(features, labels, features, labels)
    with pytest.raises(InputError, match="class number 5 has no test pictures"):
        few_shot_score(features, labels, features[:5], labels[:5], shots=1)
