from __future__ import annotations

import math

import numpy as np

from pairsmith.evaluation.scene_truth import ATTRIBUTES, caption_truth
from pairsmith.scenes import World, WorldSettings, describe
from pairsmith.scenes.world import arrange

PAIR = arrange("pair", "gray", [("star", "red", "small"), ("ring", "blue", "large")], "left")


def row(caption: str) -> dict[str, float]:
    return {name: float(values[0]) for name, values in caption_truth([caption], [PAIR]).items()}


def test_true_descriptions_are_right_in_everything() -> None:
    world, rng = World(WorldSettings()), np.random.default_rng(0)
    scenes = [world.sample(rng) for _ in range(100)]
    values = caption_truth([describe(scene, rng) for scene in scenes], scenes)
    assert set(values) == set(ATTRIBUTES)
    assert all((column[~np.isnan(column)] == 1).all() for column in values.values())
    assert np.isnan(values["relation"]).sum() == sum(scene.kind != "pair" for scene in scenes)


def test_each_attribute_is_judged_by_itself() -> None:
    swapped = row("a small blue star to the left of a large red ring on a gray background")
    assert swapped["class"] == swapped["colour"] == 1
    assert swapped["binding"] == swapped["exact"] == 0
    assert swapped["relation"] == 1
    turned = row("a large blue ring to the left of a small red star on a gray background")
    assert turned["binding"] == 1
    assert turned["relation"] == turned["exact"] == 0
    other_background = row("a small red star left of a large blue ring on a black background")
    assert other_background["background"] == other_background["exact"] == 0
    assert other_background["relation"] == 1


def test_nonsense_is_wrong_in_everything() -> None:
    assert set(row("a dog").values()) == {0.0}


def test_single_scenes_have_no_relation() -> None:
    scene = arrange("single", "gray", [("star", "red", "small")])
    values = caption_truth(["a dog"], [scene])
    assert math.isnan(values["relation"][0])
