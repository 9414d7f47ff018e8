"""Several allocations over the same captions, drawn at once: a picture that two of them want is made once.

What a row shows depends on caption, generator and turn alone, so arms that share drawings can share their pictures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from pairsmith.errors import InputError
from pairsmith.pairs import PairStore
from pairsmith.settings import fingerprint
from pairsmith.stages.allocation import Allocation, Drawing


class JoinedAllocation:
    """What several allocations want together, for the render stage.

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
        self.drawings: tuple[Drawing, ...] = tuple(
            dict.fromkeys(drawing for allocation in allocations for drawing in allocation.drawings)
        )

    def counts(self) -> Mapping[str, int]:
        """Pictures of each generator, each counted once."""
        found = Counter(drawing.generator for drawing in self.drawings)
        return {name: found[name] for name in sorted(found)}

    def fingerprint(self) -> str:
        """16 hex digits that stand for the parts."""
        return fingerprint([part.fingerprint() for part in self._parts])

    def turns(self, store: PairStore, generator: str) -> list[tuple[int, int]]:
        """What one generator is to draw, in the order of the store: (position of the caption, turn).

        Raises:
            InputError: another store, or nothing for this generator.
        """
        found: set[tuple[int, int]] = set()
        for part in self._parts:
            if generator in part.counts():
                found.update(part.turns(store, generator))
        if not found:
            raise InputError(f"the allocations give {generator!r} nothing; they have {', '.join(self.counts())}")
        return sorted(found)
