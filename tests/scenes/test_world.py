from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from pydantic import ValidationError

from pairsmith.scenes import Scene, World, WorldSettings


def scenes(count: int, **options) -> list[Scene]:
    world = World(WorldSettings())
    rng = np.random.default_rng(0)
    return [world.sample(rng, **options) for _ in range(count)]


def test_seen_scenes_never_show_a_held_out_combination() -> None:
    world = World(WorldSettings())
    assert world.held_out
    assert not any(world.is_held_out(scene) for scene in scenes(2000, combinations="seen", class_exponent=1.0))
    assert all(world.is_held_out(scene) for scene in scenes(500, combinations="held-out"))


def test_every_class_and_colour_keeps_seen_combinations() -> None:
    world = World(WorldSettings(held_out=0.25))
    seen = set(world.combinations()) - world.held_out
    assert {name for name, _ in seen} == set(world.settings.classes)
    assert {colour for _, colour in seen} == set(world.settings.colours)
    per_class = Counter(name for name, _ in world.held_out)
    assert set(per_class.values()) == {2}


def test_long_tail_follows_the_exponent() -> None:
    balanced = Counter(s.objects[0].name for s in scenes(4000) if s.kind == "single")
    tailed = Counter(s.objects[0].name for s in scenes(4000, class_exponent=1.0) if s.kind == "single")
    assert max(balanced.values()) < 2 * min(balanced.values())
    assert max(tailed.values()) > 6 * min(tailed.values())


def test_pairs_show_two_different_things() -> None:
    for scene in scenes(1000):
        if scene.kind == "pair":
            first, second = scene.objects
            assert (first.name, first.colour) != (second.name, second.colour)
            assert first.column < second.column if scene.relation == "left" else first.row < second.row


def test_dict_round_trip() -> None:
    for scene in scenes(100):
        assert Scene.from_dict(scene.to_dict()) == scene


def test_unknown_words_are_refused() -> None:
    with pytest.raises(ValidationError, match="classes must be some of"):
        WorldSettings(classes=("circle", "dragon"))
