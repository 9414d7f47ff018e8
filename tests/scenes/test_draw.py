from __future__ import annotations

import numpy as np
import pytest

from pairsmith.scenes import World, WorldSettings, draw
from pairsmith.scenes.world import BACKGROUNDS, CLASSES, COLOURS, arrange


@pytest.mark.parametrize("name", CLASSES)
def test_shape_has_its_colour_and_smooth_edges(name: str) -> None:
    picture = draw(arrange("single", "black", [(name, "yellow", "large")]), 64)
    assert picture.shape == (64, 64, 3)
    assert picture.dtype == np.uint8
    inside = (picture == COLOURS["yellow"]).all(-1)
    outside = (picture == BACKGROUNDS["black"]).all(-1)
    edge = ~inside & ~outside
    assert inside.sum() > 60
    assert edge.sum() > 10  # anti-aliased: some pixels are mixtures
    low, high = np.minimum(COLOURS["yellow"], BACKGROUNDS["black"]), np.maximum(COLOURS["yellow"], BACKGROUNDS["black"])
    assert ((picture >= low - 1) & (picture <= high + 1)).all()


def test_different_scenes_have_different_pictures() -> None:
    world = World(WorldSettings())
    rng = np.random.default_rng(0)
    found = {world.sample(rng) for _ in range(300)}
    assert len({draw(scene).tobytes() for scene in found}) == len(found)


def test_objects_are_where_the_relation_says() -> None:
    scene = arrange("pair", "white", [("circle", "red", "large"), ("square", "blue", "large")], "left")
    picture = draw(scene, 64).astype(int)
    red = (picture == COLOURS["red"]).all(-1).nonzero()[1].mean()
    blue = (picture == COLOURS["blue"]).all(-1).nonzero()[1].mean()
    assert red < 32 < blue


def test_size_scales_with_the_picture() -> None:
    scene = arrange("single", "gray", [("circle", "red", "large")])
    shares = [((draw(scene, size) == COLOURS["red"]).all(-1)).mean() for size in (64, 256)]
    assert shares[0] == pytest.approx(shares[1], rel=0.1)
