"""Near misses: captions in the words of another with one fact changed, the hard negatives of the scorer.

Rules for any text, as `captions.negatives` has them, also take words that no scene is described with.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from pairsmith.pairs import Pair
from pairsmith.scenes import World
from pairsmith.scenes.datasets import scene_of
from pairsmith.scenes.grammar import Facts, descriptions, facts_of
from pairsmith.scenes.world import Scene
from pairsmith.seeds import numpy_generator

_TRIES = 100  # changes drawn for one that is another scene of seen combinations


def with_near_misses(pairs: Iterator[Pair], world: World, seed: int) -> Iterator[Pair]:
    """Pairs of scenes with a near miss in the column `negative`; its kind is the fact that was changed."""
    for number, pair in enumerate(pairs):
        rng = numpy_generator(seed, f"near miss/{number}")
        kind, caption = near_miss(pair.caption, scene_of(pair), world, rng)
        yield replace(pair, negative=caption, negative_kind=kind)


def near_miss(caption: str, scene: Scene, world: World, rng: np.random.Generator) -> tuple[str, str]:
    """The changed fact and a false caption of a scene.

    Args:
        caption: one of the scene's `descriptions`; the false one has its form.
        scene: of a kind and number of objects that the false one shares, unless the number is what is changed.
        world: the false caption names none of its held-out combinations, which would be learnt to be always false.
        rng: source of randomness.
    """
    form = descriptions(scene).index(caption)
    facts = facts_of(scene)
    changes = ["class", "colour", "size", "background"]
    changes += {"single": [], "group": ["count"], "pair": ["order", "relation"]}[scene.kind]
    for _ in range(_TRIES):
        kind = changes[rng.integers(len(changes))]
        changed = _change(facts, kind, world, rng)
        allowed = not any(thing[:2] in world.held_out for thing in changed.things)
        if (
            changed != facts
            and allowed
            and len({thing[:2] for thing in changed.things}) == len({thing[:2] for thing in facts.things})
        ):
            return kind, descriptions(changed.scene())[form]
    raise ValueError(f"the world has no other scene like: {caption}")


def _change(facts: Facts, kind: str, world: World, rng: np.random.Generator) -> Facts:
    settings = world.settings
    if kind == "background":
        return replace(facts, background=_any(settings.backgrounds, rng))
    if kind == "count":
        return replace(facts, things=facts.things[:1] * int(rng.integers(2, settings.max_group + 1)))
    if kind == "order":
        return replace(facts, things=facts.things[::-1])
    if kind == "relation":
        return replace(facts, relation="above" if facts.relation == "left" else "left")
    place = ("class", "colour", "size").index(kind)
    words = (settings.classes, settings.colours, settings.sizes)[place]
    which = int(rng.integers(len(facts.things))) if facts.kind == "pair" else None
    word = _any(words, rng)
    things = tuple(
        (*thing[:place], word, *thing[place + 1 :]) if which in (None, number) else thing
        for number, thing in enumerate(facts.things)
    )
    return replace(facts, things=things)  # type: ignore[arg-type]  # a tuple of three words stays one


def _any(words: tuple[str, ...], rng: np.random.Generator) -> str:
    return words[rng.integers(len(words))]
