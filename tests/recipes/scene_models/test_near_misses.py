from __future__ import annotations

from collections import Counter

from pairsmith.recipes.scene_models.data import ScenePairs
from pairsmith.recipes.scene_models.near_misses import with_near_misses
from pairsmith.scenes import World
from pairsmith.scenes.datasets import scene_of, scene_pairs
from pairsmith.scenes.grammar import facts_of, read

WORLD = World(ScenePairs().world)
ROWS = 400


def test_a_near_miss_is_false_in_one_fact_and_never_held_out() -> None:
    pairs = list(with_near_misses(scene_pairs(WORLD, "real", ROWS, seed=3), WORLD, 3))
    kinds = Counter(pair.negative_kind for pair in pairs)
    assert set(kinds) == {"class", "colour", "size", "background", "count", "order", "relation"}
    for pair in pairs:
        true, false = facts_of(scene_of(pair)), read(pair.negative)
        assert false is not None, pair.negative
        assert not WORLD.is_held_out(false.scene())
        assert false.kind == true.kind
        words, others = pair.caption.split(), pair.negative.split()
        differing = sum(one != other for one, other in zip(words, others, strict=False))
        if pair.negative_kind in ("class", "colour", "size", "background"):
            assert len(words) == len(others)
            assert differing == 1, (pair.caption, pair.negative)
        if pair.negative_kind == "count":
            assert len(true.things) != len(false.things)
            assert set(true.things) == set(false.things)
        if pair.negative_kind == "order":
            assert true.things == false.things[::-1]
        if pair.negative_kind == "relation":
            assert true.relation != false.relation
            assert true.things == false.things


def test_near_misses_are_a_function_of_the_seed() -> None:
    def captions(seed: int) -> list[str]:
        return [pair.negative for pair in with_near_misses(scene_pairs(WORLD, "real", 20, seed=3), WORLD, seed)]

    assert captions(1) == captions(1)
    assert captions(1) != captions(2)
