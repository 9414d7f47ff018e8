"""Hard negatives of scene captions by the rules, with the world's own words, and only such as the world can draw.

A negative that is drawn must say another thing than its caption, and something that a picture can show: what reads as
the same facts (a negation does) or as none at all is drawn again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pairsmith.captions.negatives import WordListParser, WordLists
from pairsmith.captions.negatives.maker import Negative, NegativeMaker
from pairsmith.captions.negatives.stage import NegativeStageSettings, RuleNegatives
from pairsmith.captions.negatives.words import Dimension, ObjectSet
from pairsmith.captions.writer import WriteFailure
from pairsmith.pairs import Pair
from pairsmith.scenes import Facts, WorldSettings, read
from pairsmith.seeds import row_seed
from pairsmith.settings import fingerprint

_TRIES = 12


def world_lists(world: WorldSettings) -> WordLists:
    """The packaged lists with the world's shapes, colours, sizes and backgrounds as the only words to put in."""
    packaged = WordLists.packaged()
    shapes = ObjectSet("shapes", tuple((name,) for name in world.classes), world.classes)
    dimensions = (
        _dimension("colour", world.colours),
        _dimension("size", world.sizes),
        _dimension("background", world.backgrounds),
    )
    return replace(
        packaged,
        sets=(shapes,),
        sets_of=dict.fromkeys(world.classes, (shapes,)),
        dimensions=dimensions,
        dimensions_of={word: (part,) for part in dimensions for word in part.near},
        digest=fingerprint([packaged.digest, world.to_dict()]),
        _bases={},
    )


def drawable(facts: Facts | None, world: WorldSettings) -> bool:
    """Whether a world has all words of some facts."""
    return (
        facts is not None
        and facts.background in world.backgrounds
        and facts.kind in world.kinds
        and len(facts.things) <= max(2, world.max_group)
        and all(
            name in world.classes and colour in world.colours and size in world.sizes
            for name, colour, size in facts.things
        )
    )


class SceneNegatives(RuleNegatives):
    """Rules, tried until the world can draw what they say.

    Args:
        world: whose captions they are.
        settings: of the stage.
    """

    def __init__(self, world: WorldSettings, settings: NegativeStageSettings) -> None:
        lists = world_lists(world)
        self._word_parser = WordListParser(lists)
        super().__init__(self._word_parser, lists, settings)
        self._world, self._own = world, settings
        self._rules = NegativeMaker(self._word_parser, lists, settings)

    def describe(self) -> dict[str, Any]:
        """Everything that decides the negatives."""
        return {**super().describe(), "drawable": self._world.to_dict()}

    def make(self, rows: Sequence[Pair], others: Sequence[Sequence[str]]) -> list[list[Negative | WriteFailure]]:
        """One negative a row, or why there is none."""
        return [[self._one(row, siblings)] for row, siblings in zip(rows, others, strict=True)]

    def _one(self, row: Pair, siblings: Sequence[str]) -> Negative | WriteFailure:
        parsed, stated = self._word_parser.parse(row.caption), read(row.caption)
        for attempt in range(_TRIES):
            found = self._rules.make(parsed, row_seed(self._own.seed, row.id, f"negative/0/{attempt}"), siblings)
            if found is None:
                return WriteFailure("no negative: no rule fits")
            facts = read(found.caption)
            if facts != stated and drawable(facts, self._world):
                return found
        return WriteFailure(f"no negative: {_TRIES} draws gave none that the world can draw")


def _dimension(name: str, words: Sequence[str]) -> Dimension:
    others = {word: tuple(other for other in words if other != word) for word in words}
    return Dimension(name, others, {word: frozenset([word]) for word in words}, frozenset(), {})
