"""Means over the steps since the last line of the log, as sums and counts that add up over steps and ranks.

Values stay on their device until they are read, so that a GPU is not made to wait at every step. The sums go into
checkpoints: a resumed run writes the same lines as one that was never stopped.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from pairsmith.training.distributed import Ranks, collect
from pairsmith.training.task import Amount

Totals = dict[str, tuple[float, float]]
"""Name -> (sum, count)."""


class Meter:
    """Collects named (sum, count) pairs."""

    def __init__(self) -> None:
        self._totals: Totals = {}
        self._pending: dict[str, tuple[list[Amount], list[Amount]]] = {}

    def add(self, name: str, total: Amount, count: Amount = 1.0) -> None:
        """Add a sum over `count` units; tensors must be scalars."""
        sums, counts = self._pending.setdefault(name, ([], []))
        sums.append(total.detach() if isinstance(total, Tensor) else total)
        counts.append(count.detach() if isinstance(count, Tensor) else count)

    def local_totals(self) -> Totals:
        """This rank's sums so far; added up in the order of the steps, so that a restart in between changes no bit."""
        for name, (sums, counts) in self._pending.items():
            total, count = self._totals.get(name, (0.0, 0.0))
            for value in _numbers(sums):
                total += value
            for value in _numbers(counts):
                count += value
            self._totals[name] = (total, count)
        self._pending.clear()
        return dict(self._totals)

    def totals(self, ranks: Ranks) -> Totals:
        """The sums of all ranks, on every rank; a name need not occur on all of them."""
        result: Totals = {}
        for local in collect(self.local_totals(), ranks):
            for name, (total, count) in local.items():
                before = result.get(name, (0.0, 0.0))
                result[name] = (before[0] + total, before[1] + count)
        return result

    def reset(self, totals: Mapping[str, tuple[float, float]] | None = None) -> None:
        """Start again, from nothing or from saved sums."""
        self._pending.clear()
        self._totals = {name: (float(total), float(count)) for name, (total, count) in (totals or {}).items()}


def means(totals: Totals) -> dict[str, float]:
    """Sum over count, by name; what has count 0 is left out."""
    return {name: total / count for name, (total, count) in totals.items() if count}


def _numbers(values: list[Amount]) -> list[float]:
    """The values as floats, with one transfer for all that are tensors."""
    tensors = [value.double().reshape(()) for value in values if isinstance(value, Tensor)]
    fetched = iter(torch.stack(tensors).tolist() if tensors else [])
    return [next(fetched) if isinstance(value, Tensor) else float(value) for value in values]
