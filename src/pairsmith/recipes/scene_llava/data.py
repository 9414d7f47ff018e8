"""Data of the tiny LLaVA: pairs for stage 1, conversations for stage 2, and a test of other scenes.

pairs/                     a pair store: pictures and captions
instructions.json, images/ LLaVA's format: one caption and all questions about each picture
test/                      captions.json, vqa_questions.json, vqa_annotations.json, truth.json, images/
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from pairsmith.pairs import PairStore
from pairsmith.pairs.atomic import atomic_file
from pairsmith.pairs.conversations import MARKER
from pairsmith.recipes.synth2 import presets
from pairsmith.scenes import World, WorldSettings
from pairsmith.scenes.benchmark_files import TRUTH_NAME, write_scene_benchmark
from pairsmith.scenes.datasets import encode_png, scene_pairs
from pairsmith.scenes.draw import draw
from pairsmith.scenes.grammar import describe
from pairsmith.scenes.questions import questions_about
from pairsmith.scenes.world import Scene
from pairsmith.seeds import numpy_generator
from pairsmith.settings import Settings

CAPTION_PROMPT = "describe the picture"
PAIRS, INSTRUCTIONS, IMAGES, TEST = "pairs", "instructions.json", "images", "test"
WORLD = presets.TINY.world  # the one that the shipped language model speaks about


class SceneData(Settings):
    """How much is drawn."""

    world: WorldSettings = WORLD
    pairs: int = Field(default=3000, gt=0, description="pairs of stage 1")
    instructions: int = Field(default=3000, gt=0, description="conversations of stage 2")
    test: int = Field(default=300, gt=1, description="pictures of the test; every second has a held-out combination")
    seed: int = Field(default=0, ge=0, description="of everything")


def write_data(settings: SceneData, folder: Path) -> None:
    """Make what is missing of the folder; the training scenes never show a held-out combination."""
    folder.mkdir(parents=True, exist_ok=True)
    world = World(settings.world)
    values = {"kind": "scenes", **settings.to_dict()}
    PairStore.write(folder / PAIRS, scene_pairs(world, "real", settings.pairs, seed=settings.seed), settings=values)
    if not (folder / INSTRUCTIONS).is_file():
        write_instructions(folder, world, settings.instructions, settings.seed)
    if not (folder / TEST / TRUTH_NAME).is_file():
        write_scene_benchmark(folder / TEST, world, images=settings.test, per_class=8, seed=settings.seed + 1)


def write_instructions(folder: Path, world: World, count: int, seed: int) -> None:
    """`instructions.json` and its pictures: `count` scenes of seen combinations."""
    pictures = folder / IMAGES
    pictures.mkdir(exist_ok=True)
    records = []
    for number in range(count):
        rng = numpy_generator(seed, f"instructions/{number}")
        scene = world.sample(rng, combinations="seen")
        name = f"{number:06}.png"
        (pictures / name).write_bytes(encode_png(draw(scene, world.settings.image_size)))
        records.append(scene_record(name, scene, world.settings, rng))
    with atomic_file(folder / INSTRUCTIONS) as file:
        file.write(json.dumps(records).encode())


def scene_record(image: str, scene: Scene, settings: WorldSettings, rng: np.random.Generator) -> dict[str, Any]:
    """A conversation about a scene: the caption and every question, in random order."""
    asked = [(CAPTION_PROMPT, describe(scene, rng))]
    asked += [(question, answer) for question, answer, _, _ in questions_about(scene, settings, rng)]
    turns = []
    for number, place in enumerate(rng.permutation(len(asked))):
        question, answer = asked[place]
        start = f"{MARKER}\n" if number == 0 else ""
        turns += [{"from": "human", "value": start + question}, {"from": "gpt", "value": answer}]
    return {"id": Path(image).stem, "image": image, "conversations": turns}
