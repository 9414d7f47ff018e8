"""The recipe's data: pairs with original pictures as the web has them, a test set, and instructions for stage 2.

On scenes a stated part of the source pairs is bad as web pairs are: captions of other pictures, pieces of captions, and
captions that sell something. So there is something to curate, and what a pair is worth is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pairsmith.pairs import Pair, PairStore
from pairsmith.pairs.conversations import ConversationFile
from pairsmith.recipes.own_pairs import split_own_pairs
from pairsmith.recipes.scene_llava.data import IMAGES, INSTRUCTIONS, write_instructions
from pairsmith.recipes.synthvlm.settings import SourceSettings, SynthvlmSettings
from pairsmith.scenes import World
from pairsmith.scenes.datasets import scene_of, scene_pair, scene_pairs
from pairsmith.scenes.grammar import descriptions
from pairsmith.seeds import numpy_generator

_SALES = ("buy {} now at www.example.com", "{} for sale", "free shipping on {}", "{} royalty-free stock image")


@dataclass(frozen=True)
class Data:
    """Attributes:
    source: pairs of captions and original pictures, as they were found.
    test: one row an image, with references.
    instructions: LLaVA's JSON for stage 2; None: there is no stage 2.
    pictures: folder that its paths start from.
    world: the built-in world, or None with own pairs.
    """

    source: PairStore
    test: PairStore
    instructions: Path | None
    pictures: Path | None
    world: World | None


def scene_data(settings: SynthvlmSettings, folder: Path) -> Data:
    """Draw the scenes; what is there already is not drawn again. Training scenes never show a held-out combination."""
    world, sizes = World(settings.world), settings.source
    about = {"kind": "scenes", "world": settings.world.to_dict(), "seed": settings.seed}
    source = PairStore.write(
        folder / "source", web_pairs(world, sizes, settings.seed), settings={**about, **sizes.to_dict()}
    )
    test = PairStore.write(
        folder / "test",
        scene_pairs(world, "test", sizes.test, seed=settings.seed),
        settings={**about, "test": sizes.test},
    )
    instructions = None
    if settings.stage_2 is not None:
        instructions = folder / INSTRUCTIONS
        if not instructions.is_file():
            write_instructions(folder, world, settings.instructions.scenes, settings.seed)
    return Data(source, test, instructions, folder / IMAGES, world)


def own_data(settings: SynthvlmSettings, source: Path, folder: Path) -> Data:
    """Import the user's pairs and hold back `source.test` images (at most a fifth of them) for the test.

    Raises:
        InputError: nothing importable, fewer than ten images, or instructions that cannot be used.
    """
    sizes = settings.source
    described = {"test": sizes.test, "max_pairs": sizes.max_pairs}
    found = split_own_pairs(
        source, folder, name="source", test=sizes.test, most=sizes.max_pairs, seed=settings.seed, described=described
    )
    instructions = pictures = None
    if settings.stage_2 is not None and settings.instructions.file is not None:
        instructions = Path(settings.instructions.file)
        pictures = Path(settings.instructions.images) if settings.instructions.images else instructions.parent
        ConversationFile(instructions, pictures)  # better now than after days of drawing
    return Data(found.training, found.test, instructions, pictures, None)


def web_pairs(world: World, sizes: SourceSettings, seed: int) -> Iterator[Pair]:
    """Scenes with captions of which some are bad; row by row a pure function of its number and the seed."""
    for number in range(sizes.pairs):
        pair = scene_pair(world, "real", number, seed=seed)
        rng = numpy_generator(seed, f"real/{number}", "kind of caption")
        draw = rng.random()
        words = pair.caption.split()
        if draw < sizes.swapped:
            other = (number + 1 + int(rng.integers(max(1, sizes.pairs - 1)))) % sizes.pairs
            pair = replace(pair, caption=scene_pair(world, "real", other, seed=seed).caption)
        elif draw < sizes.swapped + sizes.fragments:
            start = int(rng.integers(len(words) - 2))
            pair = replace(pair, caption=" ".join(words[start : start + 3]))
        elif draw < sizes.swapped + sizes.fragments + sizes.advertising:
            pair = replace(pair, caption=_SALES[int(rng.integers(len(_SALES)))].format(pair.caption))
        yield pair


def is_true(pair: Pair) -> bool:
    """Whether the caption of a drawn scene is one of its descriptions, and nothing beside."""
    return pair.caption in descriptions(scene_of(pair))


def truth_share(pairs: Sequence[Pair]) -> float | None:
    """The share of drawn scenes whose captions are true; None of no pairs."""
    return sum(map(is_true, pairs)) / len(pairs) if pairs else None
