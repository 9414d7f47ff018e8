"""Sharing pictures among generators by weight, and dealing them out so that a caption's pictures come from many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

NOBODY = -1
"""Fills up the last row of a deal that does not come out even."""


def quotas(weights: Mapping[str, float], count: int) -> dict[str, int]:
    """`count` pictures shared by weight, the rest by largest remainder; generators in the order given."""
    whole = sum(weights.values())
    exact = {name: count * weight / whole for name, weight in weights.items()}
    found = {name: int(share) for name, share in exact.items()}
    by_remainder = sorted(exact, key=lambda name: found[name] - exact[name])
    for name in by_remainder[: count - sum(found.values())]:
        found[name] += 1
    return found


def deal(shares: Sequence[int], views: int, rng: np.random.Generator) -> NDArray[np.int32]:
    """Deal out all pictures of several generators, `views` a caption, by different generators as far as there are any.

    Who has most left to draw comes next, so that nobody is left over; of equals, one by chance. A caption gets a
    generator twice only when all that have something left have drawn it.

    Args:
        shares: pictures of each generator, [G].
        views: pictures of each caption but the last, which may get fewer.
        rng: decides between equals; nothing is drawn from it where there is one candidate.

    Returns:
        int32 [captions, views]: numbers of generators in 0..G - 1, `NOBODY` where the last caption gets fewer.
    """
    left = list(shares)
    total = sum(left)
    dealt = np.full(-(-total // views) * views, NOBODY, np.int32)  # [captions * views]
    for start in range(0, total, views):
        fresh = left.copy()  # 0 for who has drawn this caption
        for place in range(start, min(start + views, total)):
            if not any(fresh):
                fresh = left  # everybody who still can has drawn it: again by anybody
            most = max(fresh)
            chosen = fresh.index(most)
            equals = fresh.count(most)
            if equals > 1:
                for _ in range(int(rng.integers(equals))):
                    chosen = fresh.index(most, chosen + 1)
            dealt[place] = chosen
            left[chosen] -= 1
            if fresh is not left:
                fresh[chosen] = 0
    return dealt.reshape(-1, views)


def numbered(dealt: NDArray[np.int32], generators: int) -> NDArray[np.int32]:
    """The number of earlier pictures of the same caption by the same generator.

    Args:
        dealt: int32 [captions, views], as from `deal`.
        generators: G; numbers in `dealt` are below it.

    Returns:
        int32 [captions, views], 0 where nobody draws.
    """
    turns = np.zeros_like(dealt)
    for generator in range(generators):
        own = dealt == generator
        turns[own] = np.cumsum(own, axis=1, dtype=np.int32)[own] - 1
    return turns
