"""The user's own pairs, with some of their images held back for the test.

The same file under two names or groups counts as one image, so that none is on both sides.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pairsmith.errors import InputError
from pairsmith.pairs import Pair, PairStore
from pairsmith.pairs.importers import import_pairs
from pairsmith.seeds import numpy_generator, row_seed

LEAST_IMAGES = 10


@dataclass(frozen=True)
class OwnPairs:
    """Attributes:
    training: pairs of the images that are not held back, one row a caption.
    test: one row an image, with all its captions as references.
    image_of: group -> the first group with the same image.
    """

    training: PairStore
    test: PairStore
    image_of: Mapping[str, str]


def split_own_pairs(
    source: Path, folder: Path, *, name: str, test: int, most: int | None, seed: int, described: Mapping[str, Any]
) -> OwnPairs:
    """Import pairs and hold back images.

    Args:
        source: anything importable.
        folder: gets `imported`, `test` and the training pairs.
        name: of the training pairs' folder.
        test: images held back, at most a fifth of all.
        most: training pairs, a sample of all that are not held back: which ones depends on `seed` and their ids alone,
            and a larger sample holds a smaller one. They stay in their order. None: all.
        seed: of the images held back and of the sample.
        described: what else stands in the stores' settings.

    Raises:
        InputError: nothing importable, or fewer than ten images.
    """
    imported = import_pairs(source, folder / "imported")
    image_of = _image_keys(imported)
    groups = sorted(set(image_of.values()))
    if len(groups) < LEAST_IMAGES:
        raise InputError(f"{source} holds {len(groups)} usable images; the recipe needs at least {LEAST_IMAGES}")
    order = numpy_generator(seed, "test images").permutation(len(groups))
    held_back = {groups[i] for i in order[: max(2, min(test, len(groups) // 5))]}
    about = {"source": imported.fingerprint, "seed": seed, **described}

    def training_pairs() -> Iterator[Pair]:
        free = (pair.id for pair in imported.iter_pairs(["id", "group"]) if image_of[_group(pair)] not in held_back)
        chosen = set(_sample(free, most, seed))
        return (pair for pair in imported.iter_pairs() if pair.id in chosen)

    training = PairStore.write(folder / name, training_pairs(), settings=about | {"split": name})
    test_pairs = (pair for pair in imported.iter_pairs() if image_of[_group(pair)] in held_back)
    tested = PairStore.write(
        folder / "test", gather_references(test_pairs, image_of), settings=about | {"split": "test"}
    )
    return OwnPairs(training, tested, image_of)


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


def _sample(ids: Iterable[str], count: int | None, seed: int) -> list[str]:
    """The `count` ids whose draws are smallest; None: all of them."""
    if count is None:
        return list(ids)
    return heapq.nsmallest(count, ids, key=lambda row_id: (row_seed(seed, row_id, "own pairs"), row_id))


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
