"""Concept x axis captions of the built-in world, written by its grammar: a writer like any other.

Concepts are the world's shapes, axes what can be asked of a scene: a colour, a size, a number, a background, a place
relative to another shape. What is not asked for is drawn. Held-out combinations are asked for as all others are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pairsmith.captions.axes import Axis
from pairsmith.captions.concepts import ConceptBank
from pairsmith.captions.prompts import AXIS, PLACEHOLDER, VALUE, Prompt
from pairsmith.captions.writer import Request, WriteFailure
from pairsmith.scenes import Scene, WorldSettings, describe
from pairsmith.scenes.grammar import NUMBERS
from pairsmith.scenes.world import Kind, Relation, arrange

_BETWEEN = " | "
SCENE_PROMPT = Prompt(
    name="scene-axis",
    template=_BETWEEN.join((PLACEHOLDER, AXIS, VALUE)),
    min_words=5,
    max_words=30,
    sentence=False,
)
# Value of the axis "place" -> the relation between two shapes, and whether the concept is the first of them.
_PLACES: dict[str, tuple[Relation, bool]] = {
    "left": ("left", True),
    "right": ("left", False),
    "above": ("above", True),
    "below": ("above", False),
}


def scene_bank(world: WorldSettings) -> ConceptBank:
    """The world's shapes."""
    return ConceptBank(world.classes, source="scenes")


def scene_axes(world: WorldSettings) -> tuple[Axis, ...]:
    """What a caption of a shape can be asked to show."""
    axes = [
        Axis(name="colour", values=world.colours),
        Axis(name="size", values=world.sizes),
        Axis(name="background", values=world.backgrounds),
    ]
    numbers = [NUMBERS[number] for number in range(1, world.max_group + 1)]
    if "group" in world.kinds:
        axes.append(Axis(name="number", values=tuple(numbers if "single" in world.kinds else numbers[1:])))
    if "pair" in world.kinds:
        axes.append(Axis(name="place", values=tuple(_PLACES)))
    return tuple(axes)


class SceneWriter:
    """Answers `SCENE_PROMPT` with a sentence about a scene that shows what is asked for.

    Args:
        world: whose words it uses.
    """

    name = "scenes"

    def __init__(self, world: WorldSettings) -> None:
        self._world = world

    def describe(self) -> dict[str, Any]:
        """The world."""
        return {"kind": "scenes", "world": self._world.to_dict()}

    def write(self, requests: Sequence[Request]) -> list[str | WriteFailure]:
        """One caption a request."""
        answers: list[str | WriteFailure] = []
        for request in requests:
            asked = request.prompt.split(_BETWEEN)
            if len(asked) != 3:
                answers.append(WriteFailure(f"not asked: {request.prompt[:60]!r} names no concept, axis and value"))
                continue
            rng = np.random.default_rng(request.seed)
            concept, axis, value = asked
            answers.append(describe(self._scene(concept, axis, value, rng), rng))
        return answers

    def _scene(self, concept: str, axis: str, value: str, rng: np.random.Generator) -> Scene:
        world = self._world

        def one(values: Sequence[str]) -> str:
            return values[int(rng.integers(len(values)))]

        def thing(name: str) -> tuple[str, str, str]:
            return name, one(world.colours), one(world.sizes)

        _, colour, size = thing(concept)
        first = (concept, value if axis == "colour" else colour, value if axis == "size" else size)
        background = value if axis == "background" else one(world.backgrounds)
        kind: Kind = world.kinds[int(rng.integers(len(world.kinds)))]
        if axis == "number":
            kind = "single" if value == NUMBERS[1] else "group"
        if axis == "place":
            kind = "pair"
        if kind == "single":
            return arrange(kind, background, [first])
        if kind == "group":
            count = int(rng.integers(2, world.max_group + 1))
            if axis == "number":
                count = next(number for number, word in NUMBERS.items() if word == value)
            return arrange(kind, background, [first] * count)
        place = value if axis == "place" else one(tuple(_PLACES))
        relation, forward = _PLACES[place]
        second = first
        while second[:2] == first[:2]:
            second = thing(one(world.classes))
        return arrange(kind, background, [first, second] if forward else [second, first], relation)
