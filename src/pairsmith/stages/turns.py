"""What one generator is to draw of a store of captions, as two columns that read like a list of pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pairsmith.errors import InputError
from pairsmith.pairs import PairStore


@dataclass(frozen=True, eq=False)
class Turns(Sequence[tuple[int, int]]):
    """Pictures in the order of the store: (position of the caption, turn). A slice shares the memory of the whole.

    Attributes:
        positions: int64 [n], ascending.
        turns: int32 [n], ascending within a position.
    """

    positions: NDArray[np.int64]
    turns: NDArray[np.int32]

    @classmethod
    def sort(cls, positions: NDArray[np.int64], turns: NDArray[np.int32]) -> Turns:
        """From columns in any order."""
        order = np.lexsort((turns, positions))
        return cls(positions[order], turns[order])

    def once(self) -> Turns:
        """Without repetitions."""
        new = np.ones(len(self), np.bool_)
        new[1:] = (np.diff(self.positions) != 0) | (np.diff(self.turns) != 0)
        return Turns(self.positions[new], self.turns[new])

    def __len__(self) -> int:
        return len(self.positions)

    @overload
    def __getitem__(self, index: int) -> tuple[int, int]: ...

    @overload
    def __getitem__(self, index: slice) -> Turns: ...

    def __getitem__(self, index: int | slice) -> tuple[int, int] | Turns:
        if isinstance(index, slice):
            return Turns(self.positions[index], self.turns[index])
        return int(self.positions[index]), int(self.turns[index])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Turns):
            return NotImplemented
        return np.array_equal(self.positions, other.positions) and np.array_equal(self.turns, other.turns)

    __hash__ = None  # type: ignore[assignment]


def find_positions(store: PairStore, ids: pa.ChunkedArray) -> NDArray[np.int64]:
    """Where ids, which may repeat, stand in a store, int64 [n]; no dictionary of the store's ids is made.

    Raises:
        InputError: an id is unknown (or its row not "ok"), or stands for several rows of the store.
    """
    names = pc.unique(ids)
    found = pc.index_in(store.table(["id"]).column("id"), value_set=names)
    rows = np.flatnonzero(pc.is_valid(found).to_numpy())
    numbers = found.drop_null().to_numpy()
    places = np.full(len(names), -1, np.int64)  # [distinct ids]
    places[numbers] = rows
    if len(numbers) > len(np.unique(numbers)):
        twice = names[int(np.flatnonzero(np.bincount(numbers) > 1)[0])]
        raise InputError(f"{store.folder}: the id {twice} stands for more than one row")
    if len(numbers) < len(names):
        unknown = names[int(np.flatnonzero(places < 0)[0])]
        raise InputError(f"{store.folder} has no pair with the id {unknown} and status ok")
    return places[pc.index_in(ids, value_set=names).to_numpy()]
