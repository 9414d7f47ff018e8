"""Which pairs every arm is trained on (paper: a picture a caption by CLIPScore, the top by CLIPScore + 0.5 SSIM).

K, the number of selected pairs, is also that of the random and of the real ones. What is drawn at random is drawn anew
for every seed, so that the intervals over seeds hold the luck of the draw too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pairsmith.curation.selection import RANDOM, SelectionSettings, select_pairs
from pairsmith.pairs import PairStore
from pairsmith.pairs.scores import Selection, write_selection
from pairsmith.recipes.synthvlm.settings import Arm, SynthvlmSettings

DRAWN: tuple[Arm, ...] = ("random", "real", "curated")
ON_REAL: tuple[Arm, ...] = ("real", "curated")


@dataclass(frozen=True, eq=False)
class ArmPairs:
    """Which rows of a store an arm is trained on; `positions` is int64 [n], best first where there is an order."""

    store: PairStore
    positions: NDArray[np.int64]


@dataclass(frozen=True)
class Stores:
    """Attributes:
    source: real pairs as they were found.
    curated: those of them whose captions were drawn.
    drawn: the generator's pictures of those captions, scored.
    """

    source: PairStore
    curated: PairStore
    drawn: PairStore


def selection_settings(settings: SynthvlmSettings, arm: Arm, captions: int, seed: int) -> SelectionSettings | None:
    """How an arm's pairs are chosen; None: all are taken.

    Args:
        settings: of the recipe.
        arm: which.
        captions: that were drawn.
        seed: number of the repetition.
    """
    rule = settings.selection
    count = math.ceil(rule.share * captions - 1e-9)
    if arm == "all":
        return None
    if arm == "selected":
        return SelectionSettings(by=rule.by, best_of_caption=1, best_by=rule.best_by, top=count)
    if arm in DRAWN:
        return SelectionSettings(by=RANDOM, top=count, seed=settings.seed * 1000 + seed)
    return SelectionSettings(by=arm, fraction=rule.half)


def choose(settings: SynthvlmSettings, arm: Arm, stores: Stores, seed: int = 0) -> ArmPairs:
    """The pairs of an arm.

    Raises:
        InputError: no pair is left.
    """
    return _choose(settings, arm, stores, seed)[0]


def choose_and_keep(settings: SynthvlmSettings, arm: Arm, stores: Stores, seed: int = 0) -> ArmPairs:
    """The pairs of an arm, whose choice is kept as a selection of their store.

    Raises:
        InputError: as `choose`.
    """
    pairs, selection = _choose(settings, arm, stores, seed)
    if selection is not None:
        write_selection(pairs.store, f"{arm}-{seed}" if arm in DRAWN else arm, selection)
    return pairs


def _choose(settings: SynthvlmSettings, arm: Arm, stores: Stores, seed: int) -> tuple[ArmPairs, Selection | None]:
    store = {"real": stores.source, "curated": stores.curated}.get(arm, stores.drawn)
    how = selection_settings(settings, arm, len(stores.curated), seed)
    if how is None:
        return ArmPairs(store, np.arange(len(store))), None
    found = select_pairs(store, how)
    if arm == "curated":  # whose scores lie beside the source
        return ArmPairs(stores.source, found.selection.positions(stores.source)), found.selection
    return ArmPairs(store, found.chosen), found.selection
