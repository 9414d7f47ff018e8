"""Truth about scenes: what a caption says, or what a picture shows, against what the scene is.

Both are compared attribute by attribute, so that a report can say what a model gets wrong; `exact` asks for all of them
at once. A caption that is no sentence about a scene is wrong in every attribute.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pairsmith.scenes.grammar import Facts, facts_of, read
from pairsmith.scenes.world import Scene

ATTRIBUTES = ("class", "colour", "binding", "relation", "count", "background", "exact")


def caption_truth(captions: Sequence[str], scenes: Sequence[Scene]) -> dict[str, np.ndarray]:
    """Attribute -> float64 [n]: 1 where the caption is right, 0 where it is wrong, NaN where a scene has no such thing.

    class, colour: the multiset of what is shown; binding: of (class, colour) pairs; relation: the two objects' classes
    in the right places (pairs only); count: number of objects; exact: all facts, sizes included.
    """
    rows = [_compare(read(caption), facts_of(scene)) for caption, scene in zip(captions, scenes, strict=True)]
    return {name: np.array([row[name] for row in rows], np.float64) for name in ATTRIBUTES}


def _compare(stated: Facts | None, true: Facts) -> dict[str, float]:
    relation = float("nan") if true.relation is None else 0.0
    if stated is None:
        return dict.fromkeys(ATTRIBUTES, 0.0) | {"relation": relation}
    if true.relation is not None:
        classes_in_order = [thing[0] for thing in stated.things] == [thing[0] for thing in true.things]
        relation = float(stated.relation == true.relation and classes_in_order)
    return {
        "class": float(_multiset(stated, 0, 1) == _multiset(true, 0, 1)),
        "colour": float(_multiset(stated, 1, 2) == _multiset(true, 1, 2)),
        "binding": float(_multiset(stated, 0, 2) == _multiset(true, 0, 2)),
        "relation": relation,
        "count": float(len(stated.things) == len(true.things)),
        "background": float(stated.background == true.background),
        "exact": float(stated == true),
    }


def _multiset(facts: Facts, start: int, stop: int) -> list[tuple[str, ...]]:
    return sorted(thing[start:stop] for thing in facts.things)
