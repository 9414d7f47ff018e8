from __future__ import annotations

from collections import Counter

import pytest

from pairsmith.errors import InputError
from pairsmith.pairs.images import decode_image
from pairsmith.scenes import World, WorldSettings, draw, facts_of, read
from pairsmith.scenes.datasets import render_caption, scene_of, scene_pair, scene_pairs


@pytest.fixture(scope="module")
def world() -> World:
    return World(WorldSettings())


def test_rows_are_pure_functions_of_their_index(world: World) -> None:
    first = list(scene_pairs(world, "real", 20, seed=3, class_exponent=1.0))
    assert first[7] == scene_pair(world, "real", 7, seed=3, class_exponent=1.0)
    assert first[7] != scene_pair(world, "real", 7, seed=4, class_exponent=1.0)
    assert len({pair.id for pair in first}) == 20


def test_captions_are_true_of_their_pictures(world: World) -> None:
    for pair in scene_pairs(world, "real", 50, seed=0):
        scene = scene_of(pair)
        assert read(pair.caption) == facts_of(scene)
        assert pair.image is not None
        assert decode_image(pair.image).tobytes() == draw(scene).tobytes()


def test_test_set_is_balanced_and_half_held_out(world: World) -> None:
    pairs = list(scene_pairs(world, "test", 400, seed=0))
    assert Counter(pair.axis for pair in pairs) == {"seen": 200, "held-out": 200}
    assert all(len(set(pair.references)) == 5 for pair in pairs)
    assert all(read(text) == facts_of(scene_of(pair)) for pair in pairs for text in pair.references)


def test_real_pairs_leave_the_held_out_combinations_out(world: World) -> None:
    assert {pair.axis for pair in scene_pairs(world, "real", 300, seed=0, class_exponent=1.0)} == {"seen"}


def test_rendering_a_caption_draws_its_scene(world: World) -> None:
    pair = scene_pair(world, "real", 0, seed=0)
    assert (render_caption(pair.caption, world.settings) == draw(scene_of(pair))).all()
    with pytest.raises(InputError, match="not a sentence"):
        render_caption("a dog on a sofa", world.settings)
