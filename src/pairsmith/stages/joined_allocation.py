"""Several allocations over the same captions, drawn at once: a picture that two of them want is made once.

What a row shows depends on caption, generator and turn alone, so arms that share drawings can share their pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from pairsmith.errors import InputError
from pairsmith.pairs import PairStore
from pairsmith.settings import fingerprint
from pairsmith.stages.allocation import Allocation
from pairsmith.stages.turns import Turns


class JoinedAllocation:
    """What several allocations want together, for the render stage. Nothing is joined before it is asked for.

    Args:
        allocations: of one store of captions, at least one.

    Raises:
        InputError: none, or allocations of different captions.
    """

    def __init__(self, allocations: Sequence[Allocation]) -> None:
        if len({allocation.captions for allocation in allocations}) != 1:
            raise InputError("allocations are joined when they share one store of captions, and at least one is needed")
        self.captions = allocations[0].captions
        self._parts = tuple(allocations)

    def counts(self) -> Mapping[str, int]:
        """Pictures of each generator, each counted once."""
        return {name: self.by(name).num_rows for name in self._generators()}

    def by(self, generator: str) -> pa.Table:
        """The drawings of one generator, each once; `caption` string, `turn` int32, `negative` bool."""
        columns = ["caption", "turn", "negative"]
        table = pa.concat_tables(part.by(generator).select(columns) for part in self._parts)
        return table.group_by(columns, use_threads=False).aggregate([]).select(columns)

    def fingerprint(self) -> str:
        """16 hex digits that stand for the parts."""
        return fingerprint([part.fingerprint() for part in self._parts])

    def turns(self, store: PairStore, generator: str) -> Turns:
        """What one generator is to draw, in the order of the store.

        Raises:
            InputError: another store, or nothing for this generator.
        """
        found = [part.turns(store, generator) for part in self._parts if generator in part.counts()]
        if not found:
            raise InputError(f"the allocations give {generator!r} nothing; they have {', '.join(self._generators())}")
        positions, turns = (
            np.concatenate([getattr(own, column) for own in found]) for column in ("positions", "turns")
        )
        return Turns.sort(positions, turns).once()

    def _generators(self) -> list[str]:
        return sorted({name for part in self._parts for name in part.counts()})
