from __future__ import annotations

import numpy as np
import pytest

from pairsmith.scenes import World, WorldSettings, descriptions, facts_of, read, references


def test_reading_inverts_every_description() -> None:
    world = World(WorldSettings())
    rng = np.random.default_rng(1)
    for _ in range(500):
        scene = world.sample(rng)
        ways = descriptions(scene)
        assert len(set(ways)) == len(ways) >= 5
        for way in ways:
            assert read(way) == facts_of(scene)


def test_references_are_different() -> None:
    world = World(WorldSettings())
    rng = np.random.default_rng(2)
    for _ in range(50):
        found = references(world.sample(rng), 5, rng)
        assert len(set(found)) == 5


@pytest.mark.parametrize(
    "caption",
    [
        "",
        "a small red",
        "a small red circle",  # no background
        "a small circle on a gray background",  # no colour
        "a red circle on a gray background",  # no size
        "two small red circle on a gray background",  # number disagrees
        "one small red circles on gray",
        "a small red circle above a small red circle on a gray background",  # not two different things
        "a small red circle a large blue star on a gray background",  # no relation
        "a small red circle above left of a large blue star on a gray background",
        "a small red circle on a gray white background",
        "three small red circles above a large blue star on gray",
        "a small red circle above a large blue star above a small pink ring on gray",
        "a small small red circle on a gray background",
        "\x00 <script>",
    ],
)
def test_incomplete_or_inconsistent_captions_have_no_facts(caption: str) -> None:
    assert read(caption) is None


def test_relation_is_read_in_both_directions() -> None:
    forward = read("a small red circle to the left of a large blue star on a gray background")
    backward = read("a large blue star right of a small red circle, on gray")
    assert forward == backward
    assert forward is not None
    assert forward.relation == "left"
    assert forward.things[0] == ("circle", "red", "small")
