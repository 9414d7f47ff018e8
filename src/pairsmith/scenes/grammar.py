"""The language of scenes: describes a scene in several ways, and reads a caption back into its facts.

Describing and reading are inverse: the facts read from any description are those of the scene. That makes a caption's
truth measurable, and lets a caption written by a language model be rendered exactly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from pairsmith.scenes.world import (
    BACKGROUNDS,
    CLASSES,
    COLOURS,
    SIZES,
    Kind,
    Relation,
    Scene,
    arrange,
)

NUMBERS = {1: "one", 2: "two", 3: "three", 4: "four"}
_PLURALS = {name: "crosses" if name == "cross" else name + "s" for name in CLASSES}

_SINGLE = (
    "a {thing} on a {background} background",
    "there is a {thing} on {background}",
    "a {background} background with a {thing}",
    "a picture of a {thing} against {background}",
    "on {background} is one {thing}",
)
_GROUP = (
    "{number} {things} on a {background} background",
    "there are {number} {things} on {background}",
    "a {background} background with {number} {things}",
    "a picture of {number} {things} against {background}",
    "on {background} are {number} {things}",
)
_PAIR = (
    "a {first} {relation} a {second} on a {background} background",
    "there is a {first} {relation} a {second} on {background}",
    "a {background} background with a {first} {relation} a {second}",
    "a picture of a {first} {relation} a {second} against {background}",
    "on {background} is a {first} {relation} a {second}",
)
_FORWARD = {"left": ("to the left of", "left of"), "above": ("above", "over")}
_BACKWARD = {"left": ("to the right of", "right of"), "above": ("below", "under")}
_RELATION_WORDS: dict[str, tuple[Relation, bool]] = {
    "left": ("left", True),
    "right": ("left", False),
    "above": ("above", True),
    "over": ("above", True),
    "below": ("above", False),
    "under": ("above", False),
}


@dataclass(frozen=True)
class Facts:
    """What a caption states. `things` are (class, colour, size), the first one left of or above the second."""

    kind: Kind
    background: str
    things: tuple[tuple[str, str, str], ...]
    relation: Relation | None = None

    def scene(self) -> Scene:
        """The scene that shows exactly these facts, without jitter."""
        return arrange(self.kind, self.background, list(self.things), self.relation)


def facts_of(scene: Scene) -> Facts:
    """The facts of a scene."""
    return Facts(scene.kind, scene.background, tuple((o.name, o.colour, o.size) for o in scene.objects), scene.relation)


def descriptions(scene: Scene) -> list[str]:
    """Every way the grammar has to describe a scene, in a fixed order, each one true and complete."""
    names = [f"{o.size} {o.colour} {o.name}" for o in scene.objects]
    if scene.kind == "single":
        return [template.format(thing=names[0], background=scene.background) for template in _SINGLE]
    if scene.kind == "group":
        first = scene.objects[0]
        things = f"{first.size} {first.colour} {_PLURALS[first.name]}"
        number = NUMBERS[len(names)]
        return [t.format(number=number, things=things, background=scene.background) for t in _GROUP]
    assert scene.relation is not None
    ways = [(names[0], word, names[1]) for word in _FORWARD[scene.relation]]
    ways += [(names[1], word, names[0]) for word in _BACKWARD[scene.relation]]
    return [
        template.format(first=first, relation=relation, second=second, background=scene.background)
        for template in _PAIR
        for first, relation, second in ways
    ]


def describe(scene: Scene, rng: np.random.Generator) -> str:
    """One description, drawn uniformly."""
    ways = descriptions(scene)
    return ways[rng.integers(len(ways))]


def references(scene: Scene, count: int, rng: np.random.Generator) -> list[str]:
    """`count` different descriptions (all of them where there are fewer), in random order."""
    ways = descriptions(scene)
    return [ways[i] for i in rng.permutation(len(ways))[:count]]


_SINGULARS = {plural: name for name, plural in _PLURALS.items()} | {name: name for name in CLASSES}
_NUMBER_VALUES = {word: number for number, word in NUMBERS.items()} | {"a": 1, "an": 1}


def read(caption: str) -> Facts | None:
    """The facts a caption states, or None when it is not a complete, consistent sentence of this language.

    Never raises: captions come from language models.
    """
    words = re.findall(r"[a-z]+", caption.lower())
    backgrounds = [word for word in words if word in BACKGROUNDS]
    nouns = [i for i, word in enumerate(words) if word in _SINGULARS]
    if len(backgrounds) != 1 or len(nouns) not in (1, 2):
        return None
    things = []
    for place in nouns:
        if place < 3 or words[place - 1] not in COLOURS or words[place - 2] not in SIZES:
            return None
        things.append((_SINGULARS[words[place]], words[place - 1], words[place - 2]))
    counts = [_NUMBER_VALUES.get(words[place - 3]) for place in nouns]
    relations = [_RELATION_WORDS[word] for word in words if word in _RELATION_WORDS]
    background = backgrounds[0]
    if sum(word in COLOURS for word in words) != len(nouns) or sum(word in SIZES for word in words) != len(nouns):
        return None
    if len(nouns) == 1:
        count = counts[0]
        plural = words[nouns[0]] not in CLASSES
        if count is None or relations or plural != (count > 1):
            return None
        return Facts("single" if count == 1 else "group", background, tuple(things) * count)
    between = [word for word in words[nouns[0] : nouns[1]] if word in _RELATION_WORDS]
    if counts != [1, 1] or len(relations) != 1 or len(between) != 1 or any(words[i] not in CLASSES for i in nouns):
        return None
    if things[0][:2] == things[1][:2]:
        return None
    relation, forward = relations[0]
    return Facts("pair", background, tuple(things if forward else things[::-1]), relation)
