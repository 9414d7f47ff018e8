"""Repetitions found by comparing everything, as shortcuts must find them."""

from __future__ import annotations

import numpy as np


def first_of_kind(similar: np.ndarray) -> list[int]:
    """For each row the first earlier kept one that it is similar to, itself where there is none; bool [N, N]."""
    kept: list[int] = []
    twins = []
    for row in range(len(similar)):
        twin = next((other for other in kept if similar[row, other]), row)
        twins.append(twin)
        if twin == row:
            kept.append(row)
    return twins
