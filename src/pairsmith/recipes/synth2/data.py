"""The recipe's data: scarce real pairs, a test set and, for scenes, unpaired pictures and unpaired text.

With the user's own pairs the test set is held back by image, and the pictures and the text are those of the real pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pairsmith.pairs import PairStore
from pairsmith.recipes.own_pairs import one_row_an_image, split_own_pairs
from pairsmith.recipes.synth2.settings import Synth2Settings
from pairsmith.scenes import World
from pairsmith.scenes.datasets import Split, scene_pairs


@dataclass(frozen=True)
class Data:
    """Pair stores with images (`text`: with captions alone).

    Attributes:
        real: training pairs.
        test: one row an image, with references.
        pictures: what the tokenizer is pre-trained on.
        text: what a language model of our own is trained on; None with own pairs.
        world: the built-in world, or None with own pairs.
    """

    real: PairStore
    test: PairStore
    pictures: PairStore
    text: PairStore | None
    world: World | None


def scene_data(settings: Synth2Settings, folder: Path) -> Data:
    """Draw the scenes; stores that are there already are not drawn again."""
    world = World(settings.world)
    sizes = settings.data

    def store(split: Split, count: int, **options: float) -> PairStore:
        described = {
            "world": settings.world.to_dict(),
            "split": split,
            "count": count,
            "seed": settings.seed,
            **options,
        }
        pairs = scene_pairs(world, split, count, seed=settings.seed, **options)
        return PairStore.write(folder / split, pairs, settings=described)

    return Data(
        real=store("real", sizes.real, class_exponent=sizes.class_exponent, colour_exponent=sizes.colour_exponent),
        test=store("test", sizes.test),
        pictures=store("pictures", sizes.pictures),
        text=store("text", sizes.text),
        world=world,
    )


def own_data(settings: Synth2Settings, source: Path, folder: Path) -> Data:
    """Import the user's pairs and hold back `data.test` images (at most a fifth of them) for the test.

    Raises:
        InputError: nothing importable, or fewer than ten images.
    """
    described = {"data": settings.data.to_dict()}
    found = split_own_pairs(
        source, folder, name="real", test=settings.data.test, most=settings.data.max_real, seed=settings.seed,
        described=described,
    )  # fmt: skip
    about = {**found.training.manifest.settings, "split": "pictures"}
    pictures = PairStore.write(
        folder / "pictures", one_row_an_image(found.training.iter_pairs(), found.image_of), settings=about
    )
    return Data(real=found.training, test=found.test, pictures=pictures, text=None, world=None)
