"""Singular and plural."""

from __future__ import annotations

import pytest

from pairsmith.captions import ConceptBank
from pairsmith.captions.nouns import mentions


@pytest.mark.parametrize(
    "pair",
    [
        "dog dogs", "box boxes", "church churches", "bus buses", "glass glasses", "berry berries", "tie ties",
        "leaf leaves", "knife knives", "glove gloves", "potato potatoes", "shoe shoes", "man men", "fireman firemen",
        "woman women", "child children", "foot feet", "mouse mice", "dormouse dormice", "tooth teeth", "goose geese",
        "sheep sheep", "cactus cacti", "alga algae", "aquarium aquaria", "scissors scissors", "quiz quizzes",
        "horse horses", "house houses", "vertex vertices", "axis axes", "chateau chateaux", "dish dishes", "ox oxen",
        "maze mazes", "sofa sofas", "key keys", "dwarf dwarves", "bacterium bacteria", "loaf loaves", "wolf wolves",
    ],
)  # fmt: skip
def test_plurals(pair: str) -> None:
    one, many = pair.split()
    assert mentions(["two", many], [one])
    assert mentions(["a", one], [many])


@pytest.mark.parametrize(
    "pair",
    [
        "dog dot", "glass glade", "bus bush", "car cars-", "cat cattle", "bass bas", "man mane", "pea pear",
        "gas gash",
    ],
)  # fmt: skip
def test_other_words(pair: str) -> None:
    one, other = pair.split()
    assert not mentions([one], [other])


@pytest.mark.parametrize(
    ("text", "concept", "found"),
    [
        ("two racing cars pass", "racing car", True),
        ("a racing yacht and a car", "racing car", False),
        ("an icecream melts", "ice cream", True),
        ("a race horse", "racehorse", True),
        ("a scissor", "scissors", True),
        ("", "dog", False),
        ("the hotdog stand", "dog", False),
        ("a car", "racing car", False),
    ],
)
def test_mentions(text: str, concept: str, found: bool) -> None:
    assert mentions(text.split(), concept.split()) is found


def test_packaged_concepts_are_found_in_their_own_plural() -> None:
    for name in ConceptBank.packaged().names[::40]:
        parts = name.split()
        assert mentions(["some", *parts[:-1], parts[-1] + "s", "here"], parts), name
