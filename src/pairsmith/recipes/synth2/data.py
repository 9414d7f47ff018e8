"""The recipe's data: scarce real pairs, a test set and, for scenes, unpaired pictures and unpaired text.

With the user's own pairs the test set is held back by image, and the pictures and the text are those of the real pairs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pairsmith.errors import InputError
from pairsmith.pairs import Pair, PairStore
from pairsmith.pairs.importers import import_pairs
from pairsmith.recipes.synth2.settings import Synth2Settings
from pairsmith.scenes import World
from pairsmith.scenes.datasets import Split, scene_pairs
from pairsmith.seeds import numpy_generator


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

    The same file under two names or groups counts as one image, so that none is on both sides.

    Raises:
        InputError: nothing importable, or fewer than ten images.
    """
    imported = import_pairs(source, folder / "imported")
    image_of = _image_keys(imported)
    groups = sorted(set(image_of.values()))
    if len(groups) < 10:
        raise InputError(f"{source} holds {len(groups)} usable images; the recipe needs at least 10")
    order = numpy_generator(settings.seed, "test images").permutation(len(groups))
    held_back = {groups[i] for i in order[: max(2, min(settings.data.test, len(groups) // 5))]}
    described = {"source": imported.fingerprint, "seed": settings.seed, "data": settings.data.to_dict()}

    def training_pairs() -> Iterator[Pair]:
        kept = (pair for pair in imported.iter_pairs() if image_of[_group(pair)] not in held_back)
        for number, pair in enumerate(kept):
            if settings.data.max_real is not None and number >= settings.data.max_real:
                return
            yield pair

    real = PairStore.write(folder / "real", training_pairs(), settings=described | {"split": "real"})
    test_pairs = (pair for pair in imported.iter_pairs() if image_of[_group(pair)] in held_back)
    test = PairStore.write(
        folder / "test", gather_references(test_pairs, image_of), settings=described | {"split": "test"}
    )
    pictures = PairStore.write(
        folder / "pictures", one_row_an_image(real.iter_pairs(), image_of), settings=described | {"split": "pictures"}
    )
    return Data(real=real, test=test, pictures=pictures, text=None, world=None)


def gather_references(pairs: Iterable[Pair], image_of: Mapping[str, str]) -> list[Pair]:
    """One row an image, all its captions as references."""
    images: dict[str, list[Pair]] = {}
    for pair in pairs:
        images.setdefault(image_of[_group(pair)], []).append(pair)
    return [
        replace(members[0], references=tuple(text for pair in members for text in (pair.references or [pair.caption])))
        for members in images.values()
    ]


def one_row_an_image(pairs: Iterable[Pair], image_of: Mapping[str, str]) -> Iterator[Pair]:
    """The first row of every image."""
    seen: set[str] = set()
    for pair in pairs:
        key = image_of[_group(pair)]
        if key not in seen:
            seen.add(key)
            yield pair


def image_overlap(test: PairStore, training: PairStore) -> dict[str, int]:
    """How many test images there are, how many of them differ, and how many are training images too, by their bytes."""
    trained = {_digest(pair) for pair in training.iter_pairs(["image"])}
    tested = [_digest(pair) for pair in test.iter_pairs(["image"])]
    return {
        "test": len(tested),
        "distinct": len(set(tested)),
        "in_training": sum(digest in trained for digest in tested),
    }


def _group(pair: Pair) -> str:
    return pair.group or pair.id


def _digest(pair: Pair) -> str:
    return hashlib.sha256(pair.image or b"").hexdigest()


def _image_keys(pairs: PairStore) -> dict[str, str]:
    """Group -> the first group with the same image, by its bytes."""
    first: dict[str, str] = {}
    keys: dict[str, str] = {}
    for pair in pairs.iter_pairs(["group", "image"]):
        keys.setdefault(_group(pair), first.setdefault(_digest(pair), _group(pair)))
    return keys
