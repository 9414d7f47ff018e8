"""Scene captions show the concept and the value that they were asked for; negatives are false and drawable."""

from __future__ import annotations

import itertools

from pairsmith.captions.negatives.maker import Negative
from pairsmith.captions.negatives.stage import NegativeStageSettings, kind_counts
from pairsmith.captions.writer import Request, WriteFailure
from pairsmith.pairs import Pair
from pairsmith.recipes.polygen.presets import TINY
from pairsmith.recipes.polygen.scene_captions import SCENE_PROMPT, SceneWriter, scene_axes, scene_bank
from pairsmith.recipes.polygen.scene_negatives import SceneNegatives, drawable
from pairsmith.scenes import read
from pairsmith.scenes.grammar import NUMBERS

WORLD = TINY.world


def shows(facts, concept, axis, value):
    own = [thing for thing in facts.things if thing[0] == concept]
    if axis == "colour":
        return any(colour == value for _, colour, _ in own)
    if axis == "size":
        return any(size == value for _, _, size in own)
    if axis == "background":
        return facts.background == value
    if axis == "number":
        return facts.kind != "pair" and NUMBERS[len(facts.things)] == value and bool(own)
    relation, place = {"left": ("left", 0), "right": ("left", 1), "above": ("above", 0), "below": ("above", 1)}[value]
    return facts.relation == relation and facts.things[place][0] == concept


def test_captions_show_what_is_asked_for():
    writer = SceneWriter(WORLD)
    for (concept, axis), seed in itertools.product(
        itertools.product(scene_bank(WORLD).names[:3], scene_axes(WORLD)), range(3)
    ):
        for value in axis.values:
            (caption,) = writer.write([Request(SCENE_PROMPT.fill(concept, axis.name, value), seed)])
            facts = read(caption)
            assert facts is not None
            assert drawable(facts, WORLD)
            assert shows(facts, concept, axis.name, value), (caption, axis.name, value)


def test_equal_requests_give_equal_captions_and_others_do_not():
    writer = SceneWriter(WORLD)
    request = Request(SCENE_PROMPT.fill("ring", "size", "small"), 7)
    assert writer.write([request]) == writer.write([request])
    others = [Request(request.prompt, seed) for seed in range(20)]
    assert len(set(writer.write(others))) > 10
    assert isinstance(writer.write([Request("a ring", 0)])[0], WriteFailure)


def test_negatives_are_false_drawable_and_of_many_kinds():
    writer = SceneWriter(WORLD)
    axis = scene_axes(WORLD)[-1]
    captions = [
        writer.write([Request(SCENE_PROMPT.fill("ring", axis.name, value), seed)])[0]
        for seed in range(30)
        for value in axis.values
    ]
    rows = [Pair(id=f"row{number}", caption=caption) for number, caption in enumerate(captions)]
    stage = NegativeStageSettings(kinds=TINY.negatives.kinds)
    source = SceneNegatives(WORLD, stage)
    found = [made for (made,) in source.make(rows, [()] * len(rows))]
    assert all(isinstance(made, Negative) for made in found)
    for row, made in zip(rows, found, strict=True):
        facts = read(made.caption)
        assert facts != read(row.caption)
        assert drawable(facts, WORLD)
    kinds = kind_counts([Pair(id=str(n), caption="x", negative_kind=made.kind) for n, made in enumerate(found)])
    assert {"attribute_swap", "object_swap", "attribute_replacement", "object_replacement"} <= set(kinds)
    # A row's negative is its own, whatever comes with it.
    assert source.make(rows[5:6], [()])[0][0] == found[5]
