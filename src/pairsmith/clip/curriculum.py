"""How often a caption and its hard negative meet in one batch, epoch by epoch.

Negatives are captions like others, and every epoch visits every caption, whatever the curriculum says. What it decides
is the company: the share p of a batch's captions that are negatives with their base caption beside them. A batch of B
captions holds int(p * B) such pairs; the rest of it are single captions, base or negative by chance, whose other halves
go to batches without pairs. At p = 0.5 all batches are pairs through and through, at p = 0 none has any but by need.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pairsmith.errors import InputError
from pairsmith.seeds import numpy_generator
from pairsmith.settings import Settings

Places = NDArray[np.int64]
NONE = -1
"""In `partners`: a caption without a negative, or a negative without its base."""


class CurriculumSettings(Settings):
    """The share p of a batch's captions that are negatives beside their bases, as a function of the epoch."""

    shape: Literal["linear", "step", "constant"] = Field(
        default="linear",
        description="linear: from 0 in the first epoch up to `share` after `epochs`; step: 0 before `epochs`, then "
        "`share`; constant: `share` always",
    )
    share: float = Field(default=0.5, ge=0, le=0.5, description="largest p; 0.5 fills batches with pairs alone")
    epochs: int = Field(default=40, gt=0, description="how long the ramp lasts, or when the step comes")


def pair_share(epoch: int, settings: CurriculumSettings) -> float:
    """p of an epoch, counted from 0; between 0 and 0.5."""
    if settings.shape == "constant":
        return settings.share
    done = min(1.0, epoch / settings.epochs)
    return settings.share * (done if settings.shape == "linear" else float(done == 1.0))


class EpochOrder:
    """Batches of caption numbers, as a pure function of seed and step.

    An epoch has the same number of batches whatever p is: all captions once, and, where they do not fill the last
    batch, as many again as it takes.

    Args:
        partners: [N] int64: the number of each caption's partner (of a base its negative, of a negative its base), or
            `NONE`.
        batch: captions in a batch.
        settings: of the curriculum.
        seed: of the order.

    Raises:
        InputError: no captions, a batch larger than all of them, or partners that are not each other's.
    """

    def __init__(self, partners: Places, batch: int, settings: CurriculumSettings, seed: int) -> None:
        self.partners = np.asarray(partners, np.int64)
        count = len(self.partners)
        if not 1 <= batch <= count:
            raise InputError(f"batches of {batch} captions cannot be filled from {count} captions")
        paired = np.flatnonzero(self.partners != NONE)
        if (self.partners[self.partners[paired]] != paired).any():
            raise InputError("a caption's partner must have it for its partner")
        self._firsts = paired[paired < self.partners[paired]]
        self._lone = np.flatnonzero(self.partners == NONE)
        self.batch = batch
        self.settings = settings
        self.seed = seed
        self.steps_per_epoch = -(-count // batch)
        self._plan = lru_cache(maxsize=2)(self._make_plan)

    def epoch(self, step: int) -> int:
        """The epoch of a step; both count from 0."""
        return step // self.steps_per_epoch

    def captions(self, step: int) -> Places:
        """The caption numbers of a step's batch, int64 [B], pairs first."""
        return self._plan(self.epoch(step))[step % self.steps_per_epoch]

    def _make_plan(self, epoch: int) -> Places:
        """All batches of an epoch, int64 [steps, B]; every caption is in it."""
        rng = numpy_generator(self.seed, f"epoch {epoch}", "curriculum")
        size = self.batch
        pairs = int(pair_share(epoch, self.settings) * size)
        singles = size - 2 * pairs
        units = rng.permutation(self._firsts)
        turned = rng.random(len(self.partners)) < 0.5  # whether a pair that is torn apart shows its other half first
        lone = rng.permutation(self._lone)
        # A mixed batch takes `pairs` pairs and `singles` other units, torn pairs or lone captions, evenly mixed.
        batches = (len(units) + len(lone)) // (size - pairs) if size > pairs else 0
        if pairs:
            batches = min(batches, len(units) // pairs)
        together, others = units[: batches * pairs], units[batches * pairs :]
        drawn = rng.permutation(np.concatenate([others, lone]))[: batches * singles]
        is_torn = self.partners[drawn] != NONE
        shown = np.where(is_torn & turned[drawn], self.partners[drawn], drawn)
        left_behind = self.partners[shown[is_torn]]
        mixed = np.concatenate(
            [
                together.reshape(batches, pairs),
                self.partners[together].reshape(batches, pairs),
                shown.reshape(batches, singles),
            ],
            axis=1,
        )  # [batches, B]
        rest = rng.permutation(np.setdiff1d(np.concatenate([others, lone]), drawn))
        # Halves of pairs that were never drawn go to opposite ends, so that they do not meet where they can help it.
        tail = np.concatenate([rest, rng.permutation(left_behind), self.partners[rest[self.partners[rest] != NONE]]])
        fill = self.steps_per_epoch * size - mixed.size - len(tail)
        if fill:
            tail = np.concatenate([tail, self._again(rng, tail[-(size - fill) :], fill)])
        return rng.permutation(np.concatenate([mixed, tail.reshape(-1, size)]))

    def _again(self, rng: np.random.Generator, beside: Places, count: int) -> Places:
        """Captions for a second visit, none of them in the batch already, nor a partner of one that is."""
        partners = self.partners[beside]
        taken = np.union1d(beside, partners[partners != NONE])
        free = rng.permutation(np.setdiff1d(np.arange(len(self.partners)), taken))
        found: list[int] = []
        for number in free.tolist():
            if len(found) == count:
                break
            if self.partners[number] not in found:
                found.append(number)
        missing = count - len(found)
        if missing:  # so few captions that partners must meet
            rest = np.setdiff1d(np.arange(len(self.partners)), np.union1d(beside, np.array(found, np.int64)))
            found += rng.permutation(rest)[:missing].tolist()
        return np.array(found, np.int64)
