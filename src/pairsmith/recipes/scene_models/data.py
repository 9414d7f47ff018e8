"""Pairs of scenes that the parts are pre-trained on: all classes and colours alike often, no held-out combination."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from pairsmith.pairs import PairStore
from pairsmith.recipes.scene_models.near_misses import with_near_misses
from pairsmith.recipes.synth2.presets import TINY
from pairsmith.scenes import World, WorldSettings
from pairsmith.scenes.datasets import scene_pairs
from pairsmith.settings import Settings


class ScenePairs(Settings):
    """Which pairs."""

    world: WorldSettings = TINY.world  # the one that the shipped tokenizer and language model know
    count: int = Field(default=12_000, gt=0, description="pairs, drawn independently: a scene may come more than once")
    seed: int = Field(default=1, ge=0, description="of the draws; recipes draw their own pairs with 0")


def write_scene_pairs(settings: ScenePairs, folder: Path, *, near_misses: bool = False) -> PairStore:
    """Draw the pairs; a store that is there already is opened.

    Args:
        settings: which pairs.
        folder: of the store.
        near_misses: give each caption a false one, see `with_near_misses`.

    Raises:
        InputError: the folder holds pairs of other settings.
    """
    world = World(settings.world)
    pairs = scene_pairs(world, "real", settings.count, seed=settings.seed)
    if near_misses:
        pairs = with_near_misses(pairs, world, settings.seed)
    values = {"kind": "scenes", **settings.to_dict()}
    return PairStore.write(folder, pairs, settings=values | ({"near_misses": True} if near_misses else {}))
