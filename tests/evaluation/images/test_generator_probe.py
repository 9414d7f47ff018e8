"""The probe that tells generators apart."""

from __future__ import annotations

import numpy as np
import pytest

from pairsmith.errors import InputError
from pairsmith.evaluation.images.generator_probe import chance, generator_probe

NAMES = ["masked", "flow", "diffusion"]


def pictures(mark: float, captions: int = 60, seed: int = 0) -> tuple[np.ndarray, list[str], list[str], list[int]]:
    """Features that show a caption strongly and its generator as strongly as `mark` says."""
    rng = np.random.default_rng(seed)
    content, marks = rng.normal(size=(captions, 16)), rng.normal(size=(3, 16))
    features = [content[c] + mark * marks[g] + 0.1 * rng.normal(size=16) for c in range(captions) for g in range(3)]
    return np.stack(features), NAMES * captions, [f"caption {c}" for c in range(captions) for _ in NAMES], []


def probe(mark: float, seed: int = 0):
    features, generators, captions, _ = pictures(mark)
    return generator_probe(features, generators, captions, range(len(features)), seed=seed)


def test_marks_are_found_and_their_absence_too():
    strong, none = probe(3.0), probe(0.0)
    assert strong.value > 95
    assert chance(NAMES * 60) == pytest.approx(100 / 3)
    interval = none.interval()
    assert interval.low < 100 / 3 + 12
    assert none.n == strong.n == 90  # pictures of the other half of the captions
    assert len(strong.units) == 30
    gap = strong.difference(none)
    assert gap.low > 30


def test_no_caption_is_on_both_sides_and_content_alone_does_not_help():
    # Each generator draws captions of its own: content gives it away within a caption, but not on new ones.
    rng = np.random.default_rng(1)
    content = rng.normal(size=(80, 8))
    owners = [NAMES[int(number)] for number in rng.integers(0, 2, 80)]
    features = np.repeat(content, 4, axis=0)
    captions = [f"caption {number}" for number in range(80) for _ in range(4)]
    found = generator_probe(features, np.repeat(owners, 4).tolist(), captions, range(320))
    assert 20 < found.value < 80


def test_the_split_depends_on_the_seed_alone():
    assert probe(0.5, seed=1).ids == probe(2.0, seed=1).ids != probe(0.5, seed=2).ids


def test_bad_input():
    features, _, captions, _ = pictures(1.0, 4)
    with pytest.raises(InputError, match="needs pictures of two or more"):
        generator_probe(features, ["masked"] * 12, captions, range(12))
    with pytest.raises(InputError, match="two captions or more"):
        generator_probe(features, NAMES * 4, ["same"] * 12, range(12))
    with pytest.raises(InputError, match="'flow' drew too few captions"):
        generator_probe(features, ["flow"] + ["masked"] * 11, captions, range(12))
