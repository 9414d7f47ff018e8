"""Data sets side by side: means of their scores with intervals, as the table of SynthVLM compares them.

A set is a store, or a selection of it. Scores of two sets are only compared when they were computed alike. Intervals
draw captions with all their pictures: renderings of one caption stand or fall together. Sets are drawn independently,
so the interval of a difference is too wide, never too narrow, where a set is a part of another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pairsmith.curation.expression import parse_expression
from pairsmith.errors import InputError
from pairsmith.evaluation.bootstrap import Interval, resampled_means
from pairsmith.pairs import PairStore
from pairsmith.pairs.scores import read_score_column, read_selection
from pairsmith.settings import first_difference

Floats = NDArray[np.float64]
_TAILS = (2.5, 97.5)


@dataclass(frozen=True, eq=False)
class DataSet:
    """A set under its name: a store, and which of its rows.

    Attributes:
        positions: int64 [n].
    """

    name: str
    store: PairStore
    positions: NDArray[np.int64]

    @classmethod
    def open(cls, argument: str) -> DataSet:
        """From "STORE", "NAME=STORE" or "NAME=STORE@SELECTION".

        Raises:
            InputError: no such store or selection.
        """
        name, separator, place = argument.partition("=")
        if not separator or not name:
            name, place = "", argument
        folder, at, selection = place.rpartition("@")
        if not at or Path(place).is_dir():
            folder, selection = place, ""
        store = PairStore(folder)
        positions = read_selection(store, selection).positions(store) if selection else np.arange(len(store))
        return cls(name or selection or Path(folder).resolve().name, store, positions)

    def __len__(self) -> int:
        return len(self.positions)


@dataclass(frozen=True, eq=False)
class Compared:
    """One measure of one set.

    Attributes:
        interval: mean with its 95 % interval; `n` counts rows.
        difference: this set minus the first one; None for the first.
        missing: rows without the score.
        values: of the rows that have it, [n].
    """

    interval: Interval
    difference: Interval | None
    missing: int
    values: Floats


def compare_sets(
    sets: Sequence[DataSet], scores: Sequence[str], by: str | None, seed: int = 0
) -> dict[str, dict[str, Compared]]:
    """Measure -> set -> figure.

    Args:
        sets: the first is what the others are compared with.
        scores: names of scores.
        by: a weighted sum of scores as one more measure, under its own text; None: none.
        seed: of the bootstrap.

    Raises:
        InputError: two sets of one name, a score that a set lacks, or scores that were computed in different ways.
    """
    if not sets:
        raise InputError("there is no set to compare")
    names = [one.name for one in sets]
    if len(set(names)) < len(names):
        raise InputError(f"two sets have one name among {', '.join(names)}: give them names, as in real=STORE")
    sum_ = parse_expression(by) if by is not None else None
    wanted = list(dict.fromkeys([*scores, *(sum_.names if sum_ else ())]))
    measures = [*scores, *([by] if by is not None else [])]
    found: dict[str, dict[str, Compared]] = {measure: {} for measure in measures}
    alike: dict[str, tuple[str, Mapping]] = {}
    draws: dict[str, list[Floats]] = {}
    for number, one in enumerate(sets):
        values = {}
        for name in wanted:
            column = read_score_column(one.store, name)
            first = alike.setdefault(name, (one.name, column.settings))
            difference = first_difference(first[1], column.settings)
            if difference:
                raise InputError(
                    f"the scores {name!r} of {first[0]!r} and {one.name!r} were computed in different ways: "
                    f"{difference}"
                )
            values[name] = column.values[one.positions]
        table = np.stack(
            [sum_.value(values) if sum_ is not None and measure == by else values[measure] for measure in measures],
            axis=1,
        )  # [n, K]
        means, draws[one.name] = _means_and_draws(table, _units(one), seed + number)
        for place, measure in enumerate(measures):
            there = table[np.isfinite(table[:, place]), place]
            if not len(there):
                raise InputError(f"not one row of {one.name!r} has the score {measure!r}: score the pairs first")
            own = draws[one.name][place]
            against = None
            if number:
                apart = own - draws[names[0]][place]
                first_mean = found[measure][names[0]].interval.value
                against = _interval(means[place] - first_mean, apart, len(there))
            found[measure][one.name] = Compared(
                _interval(means[place], own, len(there)), against, len(table) - len(there), there
            )
    return found


def _units(one: DataSet) -> NDArray[np.int64]:
    """The caption that each row belongs to, by number; a row without a group is one of its own."""
    groups = one.store.column("group").to_pylist()
    ids = one.store.column("id").to_pylist()
    keys = [f"g{groups[at]}" if groups[at] else f"i{ids[at]}" for at in one.positions]
    return np.unique(np.array(keys, dtype=np.str_), return_inverse=True)[1].astype(np.int64)


def _means_and_draws(table: Floats, units: NDArray[np.int64], seed: int) -> tuple[Floats, list[Floats]]:
    """Means of the columns over what is there, [K], and the same means of resampled captions, K times [R]."""
    there = np.isfinite(table)
    width = table.shape[1]
    rows = np.zeros((int(units.max()) + 1 if len(units) else 0, 2 * width))  # sums, then counts
    np.add.at(rows, units, np.concatenate([np.where(there, table, 0.0), there], axis=1))
    if not len(rows):
        raise InputError("a set has no rows")
    drawn = resampled_means(rows, seed)  # [R, 2K]
    total = rows.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        means = total[:width] / total[width:]
        return means, list((drawn[:, :width] / drawn[:, width:]).T)


def _interval(value: float, draws: Floats, count: int) -> Interval:
    draws = draws[np.isfinite(draws)]
    if count < 2 or not len(draws):
        return Interval(float(value), None, None, count)
    low, high = np.percentile(draws, _TAILS)
    return Interval(float(value), float(low), float(high), count)
