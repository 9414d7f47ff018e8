"""Scene data sets as rows of a pair store: scarce real pairs, unpaired pictures and text, a balanced test set.

The "real" training pairs are few and long-tailed, as the web's are, and never show a held-out combination. The test set
is balanced: every second scene shows a held-out combination (its `axis` says which), each with five references.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Literal

import numpy as np
from PIL import Image

from pairsmith.errors import InputError
from pairsmith.pairs.schema import Pair, imported_id
from pairsmith.scenes.draw import draw
from pairsmith.scenes.grammar import describe, read, references
from pairsmith.scenes.world import Scene, World, WorldSettings
from pairsmith.seeds import numpy_generator
from pairsmith.settings import fingerprint

Split = Literal["real", "pictures", "text", "test"]
TEST_REFERENCES = 5


def encode_png(picture: np.ndarray) -> bytes:
    """PNG bytes of uint8 [H, W, 3]."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG", compress_level=3)
    return buffer.getvalue()


def scene_pair(
    world: World, split: Split, index: int, *, seed: int, class_exponent: float = 0.0, colour_exponent: float = 0.0
) -> Pair:
    """Row `index` of a split: a pure function of the arguments.

    Args:
        world: the world to draw from.
        split: "real" (pairs of seen combinations, long-tailed by the exponents), "pictures" (balanced, no caption),
            "text" (balanced captions, no picture) or "test" (balanced, five references, every second one held out).
        index: row number, from 0.
        seed: seed of the data set.
    """
    rng = numpy_generator(seed, f"{split}/{index}")
    if split == "real":
        scene = world.sample(rng, class_exponent=class_exponent, colour_exponent=colour_exponent, combinations="seen")
    elif split == "test":
        scene = world.sample(rng, combinations="held-out" if index % 2 else "seen")
    else:
        scene = world.sample(rng)
    captions = references(scene, TEST_REFERENCES, rng) if split == "test" else [describe(scene, rng)]
    key = f"{split}/{index}"
    return Pair(
        id=imported_id(f"scenes/{fingerprint(world.settings)}/{seed}", key),
        group=key,
        caption="" if split == "pictures" else captions[0],
        references=tuple(captions) if split == "test" else (),
        concept=scene.objects[0].name,
        axis="held-out" if world.is_held_out(scene) else "seen",
        image=None if split == "text" else encode_png(draw(scene, world.settings.image_size)),
        image_path=None,
        generator="scenes",
        seed=seed,
        settings=json.dumps(scene.to_dict(), sort_keys=True),
    )


def scene_pairs(world: World, split: Split, count: int, **options) -> Iterator[Pair]:
    """Rows 0 to `count` - 1 of a split; the options are those of `scene_pair`."""
    for index in range(count):
        yield scene_pair(world, split, index, **options)


def scene_of(pair: Pair) -> Scene:
    """The scene behind a row made here.

    Raises:
        InputError: the row does not come from the built-in world.
    """
    try:
        return Scene.from_dict(json.loads(pair.settings))
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"row {pair.id} does not come from the built-in scenes, so its truth is not known") from error


def render_caption(caption: str, settings: WorldSettings) -> np.ndarray:
    """The true picture of a caption: uint8 [image_size, image_size, 3].

    Raises:
        InputError: the caption is not a complete, consistent sentence of the scenes' language.
    """
    facts = read(caption)
    if facts is None:
        raise InputError(f"not a sentence about a scene: {caption[:80]!r}")
    return draw(facts.scene(), settings.image_size)
