from __future__ import annotations

import numpy as np
import pytest
import torch

from pairsmith.evaluation.oracle import ATTRIBUTES, OracleTraining, SceneOracle, degrade, render, train_oracle
from pairsmith.scenes import World, WorldSettings
from pairsmith.scenes.world import arrange

SMALL = WorldSettings(
    image_size=32,
    classes=("circle", "cross"),
    colours=("red", "blue"),
    backgrounds=("white",),
    sizes=("large",),
    kinds=("single", "pair"),
    held_out=0.0,
)


@pytest.fixture(scope="module")
def oracle() -> SceneOracle:
    return train_oracle(World(SMALL), OracleTraining(steps=120, batch=32, learning_rate=5e-3))


def test_a_trained_oracle_reads_true_pictures(oracle: SceneOracle) -> None:
    world, rng = World(SMALL), np.random.default_rng(5)
    scenes = [world.sample(rng) for _ in range(60)]
    found = oracle.examine(render(scenes, 32), scenes)
    assert set(found) == set(ATTRIBUTES)
    assert found["colour"].mean() > 0.9
    assert found["class"].mean() > 0.8
    assert np.isnan(found["relation"]).sum() == sum(scene.kind != "pair" for scene in scenes)


def test_a_picture_of_something_else_is_unfaithful(oracle: SceneOracle) -> None:
    shown = [arrange("single", "white", [("circle", "red", "large")])] * 4
    asked = [arrange("single", "white", [("circle", "blue", "large")])] * 4
    found = oracle.examine(render(shown, 32), asked)
    assert found["colour"].mean() < 0.3
    assert found["exact"].mean() < 0.3
    two = [arrange("pair", "white", [("circle", "red", "large"), ("cross", "red", "large")], "left")] * 4
    assert oracle.examine(render(shown, 32), two)["count"].mean() < 0.3


def test_targets_are_the_objects_places() -> None:
    oracle = SceneOracle(World(SMALL))
    scene = arrange("pair", "white", [("circle", "red", "large"), ("cross", "blue", "large")], "above")
    names, colours, _, background = oracle.targets([scene])
    assert names[0].tolist() == [[0, 1, 0], [0, 0, 0], [0, 2, 0]]
    assert colours[0, 0, 1] == 0
    assert colours[0, 2, 1] == 1
    assert (colours[0] == -1).sum() == 7
    assert background.tolist() == [0]


def test_training_is_repeatable_and_leaves_global_randomness_alone() -> None:
    before = torch.get_rng_state()
    first = train_oracle(World(SMALL), OracleTraining(steps=2, batch=4))
    second = train_oracle(World(SMALL), OracleTraining(steps=2, batch=4))
    assert torch.equal(before, torch.get_rng_state())
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)


def test_degraded_pictures_stay_pictures() -> None:
    pixels = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    worse = degrade(pixels, torch.Generator().manual_seed(1))
    assert worse.shape == pixels.shape
    assert worse.min() >= 0
    assert worse.max() <= 1
    assert not torch.equal(worse, pixels)
