"""One contract for every measured figure: item scores in; value, number and interval out; differences of models.

A score keeps what was measured of each image. Images, not questions or captions, are drawn with replacement: the five
captions of one image stand or fall together, and taking them for independent makes intervals too narrow. Two models
measured on the same images are compared on the same draws, which tells far smaller differences apart than two
intervals side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pairsmith.errors import InputError
from pairsmith.evaluation.bootstrap import Bounds, Interval, statistic_interval, widened

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]


@dataclass(frozen=True, eq=False)
class Score:
    """A figure that can be resampled.

    Attributes:
        units: what is drawn with replacement, [U]: image ids, each once.
        rows: what is known of each unit, [U, K].
        statistic: from means over units [M, K] to values [M].
        ids: the items that were scored, [N]; several may belong to one unit.
        values: the score of each item, [N] (on the scale of the figure).
        bounds: between which every item's score lies, where it does; the interval of equal scores comes from them.
    """

    units: tuple[Hashable, ...]
    rows: Floats
    statistic: Statistic
    ids: tuple[Hashable, ...]
    values: Floats
    bounds: Bounds | None = None

    @property
    def n(self) -> int:
        """Number of items."""
        return len(self.ids)

    @property
    def value(self) -> float:
        """The figure itself."""
        return float(self.statistic(self.rows.mean(axis=0, keepdims=True))[0])

    def interval(self, seed: int = 0) -> Interval:
        """Value with its 95 % bootstrap interval over units; `n` counts items."""
        found = statistic_interval(self.rows, self.statistic, seed)
        if self.bounds is not None:
            found = widened(found, self.bounds, self._even_units())
        return Interval(found.value, found.low, found.high, self.n)

    def difference(self, other: Score, seed: int = 0) -> Interval:
        """This minus `other` on the same units, with a paired interval; one that leaves out 0 tells the two apart.

        Raises:
            InputError: the two were not measured on the same units.
        """
        rows = np.concatenate([self.rows, other.rows[self._places_in(other)]], axis=1)
        split = self.rows.shape[1]
        found = statistic_interval(
            rows, lambda means: self.statistic(means[:, :split]) - other.statistic(means[:, split:]), seed
        )
        if self.bounds is not None and other.bounds is not None:
            bounds = (self.bounds[0] - other.bounds[1], self.bounds[1] - other.bounds[0])
            found = widened(found, bounds, self._even_units())
        return Interval(found.value, found.low, found.high, self.n)

    def _even_units(self) -> float:
        """How many units of equal weight know as much (Kish): all, unless one stands for more than another."""
        weights = self.rows[:, -1]
        return float(weights.sum() ** 2 / (weights**2).sum())

    def _places_in(self, other: Score) -> list[int]:
        places = {unit: place for place, unit in enumerate(other.units)}
        missing = [unit for unit in self.units if unit not in places]
        if missing or len(places) != len(self.units):
            strange = missing[0] if missing else next(unit for unit in other.units if unit not in set(self.units))
            raise InputError(
                f"two models can only be compared on the same images: {len(self.units)} and {len(places)} were "
                f"measured, and {strange!r} is in one of them only"
            )
        return [places[unit] for unit in self.units]


def mean_score(
    values: ArrayLike,
    ids: Sequence[Hashable],
    *,
    images: Sequence[Hashable] | None = None,
    weights: ArrayLike | None = None,
    scale: float = 1.0,
    bounds: Bounds | None = None,
) -> Score:
    """A (weighted) mean of item scores.

    Args:
        values: [N].
        ids: the items, [N], each once.
        images: the image each item belongs to, [N]; None: every item is its own.
        weights: [N], positive; None: all equal. Weights of one over the size of an item's class give a mean over
            classes.
        scale: factor of the values; 100 for percent.
        bounds: the least and the greatest value an item can have, before `scale`; (0, 1) for shares.

    Raises:
        InputError: no items, lengths that differ, repeated ids, or values that are not finite or out of bounds.
    """
    array = np.asarray(values, dtype=np.float64) * scale
    shares = np.ones(len(array)) if weights is None else np.asarray(weights, dtype=np.float64)
    owners = tuple(ids if images is None else images)
    if not len(array):
        raise InputError("there is nothing to score: no items were given")
    if not len(array) == len(ids) == len(owners) == len(shares):
        raise InputError(f"{len(array)} scores, {len(ids)} ids and {len(owners)} images do not belong together")
    if len(set(ids)) != len(ids):
        seen: set[Hashable] = set()
        twice = next(name for name in ids if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise InputError(f"item {twice!r} is scored twice")
    if not np.isfinite(array).all():
        raise InputError(f"the score of item {ids[int(np.flatnonzero(~np.isfinite(array))[0])]!r} is not a number")
    scaled = None if bounds is None else (bounds[0] * scale, bounds[1] * scale)
    if scaled is not None and not (scaled[0] <= array.min() and array.max() <= scaled[1]):
        raise InputError(
            f"scores from {array.min():g} to {array.max():g} do not lie within {scaled[0]:g} to {scaled[1]:g}"
        )
    units = tuple(dict.fromkeys(owners))
    place = {unit: number for number, unit in enumerate(units)}
    where = np.array([place[owner] for owner in owners])
    rows = np.zeros((len(units), 2))
    np.add.at(rows, where, np.stack([array * shares, shares], axis=1))
    return Score(units, rows, weighted_mean, tuple(ids), array, scaled)


def weighted_mean(means: Floats) -> Floats:
    """The statistic of `mean_score`: rows hold (weight * value, weight)."""
    return means[:, 0] / means[:, 1]
