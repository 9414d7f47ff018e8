"""Drawings of a known strength: right ones are the truth, wrong ones say how, and how many there are is as asked."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from pairsmith.errors import InputError
from pairsmith.pairs import PairStore
from pairsmith.recipes.synth2.shipped import FOLDER as SHIPPED
from pairsmith.scenes import World, WorldSettings, read
from pairsmith.scenes.datasets import render_caption, scene_pairs
from pairsmith.stages.generator_kinds import generator_kind
from pairsmith.stages.generator_kinds.kind import RenderRequest
from pairsmith.stages.render import render_captions
from pairsmith.stages.scene_renderer import UNREADABLE, SceneDrawing, SceneRenderer
from pairsmith.tokenizer.model import VQTokenizer

WORLD = WorldSettings(classes=("circle", "star", "heart"), colours=("red", "blue"), backgrounds=("white", "gray"))


@pytest.fixture(scope="module")
def captions() -> list[str]:
    return [pair.caption for pair in scene_pairs(World(WORLD), "text", 400, seed=3)]


def renderer(**changes) -> SceneRenderer:
    return SceneRenderer(SceneDrawing(world=WORLD, **changes), seed=4)


def drawn(one: SceneRenderer, captions: list[str], turn: int = 0) -> list:
    return one.draw(captions, [f"row-{number}" for number in range(len(captions))], [turn] * len(captions))


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def test_without_mistakes_the_truth_is_drawn(captions):
    for caption, drawing in zip(captions[:50], drawn(renderer(), captions[:50]), strict=True):
        assert (pixels(drawing.image) == render_caption(caption, WORLD)).all()
        assert not drawing.note


@pytest.mark.parametrize("wrong", [0.3, 1.0])
def test_mistakes_are_as_many_as_asked_and_show_another_scene(captions, wrong):
    drawings = drawn(renderer(wrong=wrong), captions)
    mistaken = [bool(drawing.note) for drawing in drawings]
    assert np.mean(mistaken) == pytest.approx(wrong, abs=0.08)
    for caption, drawing, other in zip(captions, drawings, mistaken, strict=True):
        assert (pixels(drawing.image) != render_caption(caption, WORLD)).any() == other
    kinds = {drawing.note for drawing in drawings if drawing.note}
    assert kinds == {f"wrong: {name}" for name in ("replace_att", "replace_obj", "replace_rel", "swap_att", "swap_obj")}


def test_a_drawing_depends_on_its_own_row_and_turn_alone(captions):
    one = renderer(wrong=0.5)
    together = drawn(one, captions[:20])
    alone = [one.draw([captions[number]], [f"row-{number}"], [0])[0] for number in range(20)]
    assert [drawing.image for drawing in together] == [drawing.image for drawing in alone]
    again = drawn(one, captions[:20], turn=1)
    assert [drawing.note for drawing in again] != [drawing.note for drawing in together]


def test_two_generators_err_apart(captions):
    settings = SceneDrawing(world=WORLD, wrong=0.5)
    notes = [
        [bool(drawing.note) for drawing in drawn(SceneRenderer(settings, seed=4, name=name), captions[:200])]
        for name in ("one", "two")
    ]
    both = np.mean(np.logical_and(*notes))
    assert both == pytest.approx(0.25, abs=0.1)


def test_a_tokenizer_of_other_sizes_is_refused():
    world = WORLD.model_copy(update={"image_size": 40})
    settings = SceneDrawing(world=world, through=str(SHIPPED / "tokenizer"))
    with pytest.raises(InputError, match="multiples of 16 pixels, and the world's have 40"):
        generator_kind("scenes").open(RenderRequest("scenes", settings, seed=0, device="cpu"))


def test_through_a_tokenizer_its_copy_is_kept(captions):
    tokenizer = VQTokenizer.from_pretrained(SHIPPED / "tokenizer").eval()
    world = WORLD.model_copy(update={"image_size": tokenizer.config.image_size})
    request = RenderRequest(
        "scenes", SceneDrawing(world=world, through=str(SHIPPED / "tokenizer")), seed=0, device="cpu", name="mine"
    )
    one = generator_kind("scenes").open(request)
    assert (one.name, one.identity().inputs) == ("mine", {"tokenizer": tokenizer.fingerprint()})
    found = pixels(drawn(one, captions[:3])[1].image)
    truth = render_caption(captions[1], world)
    with torch.no_grad():
        given = torch.from_numpy(truth.copy()).permute(2, 0, 1)[None].float() / 255
        copy = tokenizer.decode(tokenizer.encode(given)).clamp(0, 1)[0].permute(1, 2, 0).numpy()
    assert np.abs(found / 255 - copy).max() < 0.01
    assert (found != truth).any()


def test_what_decides_pictures_is_in_the_identity():
    found = {renderer(wrong=wrong).identity().revision for wrong in (0.0, 0.1)}
    assert len(found) == 2


def test_other_captions_fail_and_stores_are_written(tmp_path, captions):
    source = PairStore.write(tmp_path / "captions", scene_pairs(World(WORLD), "text", 6, seed=3), settings={})
    store = render_captions(source, renderer(), tmp_path / "drawn")
    assert [read(row.caption) is not None for row in store.iter_pairs()] == [True] * 6
    one, other = renderer().draw(["a cat on a mat", captions[0]], ["a", "b"], [0, 0])
    assert one.failure == UNREADABLE
    assert one.image is None
    assert other.image
