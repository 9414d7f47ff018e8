"""Batches of any structure: moving their tensors, pinning them, and cutting them into micro-batches.

A batch is a tensor, an array, or dictionaries, tuples and dataclasses of such; a list is a list of rows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor


def map_batch(batch: Any, change: Callable[[Any], Any]) -> Any:
    """The batch with every leaf (what is not a dictionary, tuple or dataclass) replaced by `change(leaf)`."""
    if isinstance(batch, Mapping):
        return {key: map_batch(value, change) for key, value in batch.items()}
    if isinstance(batch, tuple):
        values = [map_batch(value, change) for value in batch]
        return type(batch)(*values) if hasattr(batch, "_fields") else tuple(values)
    if dataclasses.is_dataclass(batch) and not isinstance(batch, type):
        names = [field.name for field in dataclasses.fields(batch) if field.init]
        return dataclasses.replace(batch, **{name: map_batch(getattr(batch, name), change) for name in names})
    return change(batch)


def move_batch(batch: Any, device: torch.device) -> Any:
    """The batch with all tensors on `device`; arrays become tensors, everything else stays as it is."""

    def move(leaf: Any) -> Any:
        if isinstance(leaf, np.ndarray) and leaf.dtype.kind in "biuf":
            leaf = torch.from_numpy(leaf)
        if isinstance(leaf, Tensor):
            return leaf.to(device, non_blocking=True)
        if isinstance(leaf, list) and any(isinstance(row, Tensor) for row in leaf):
            return [move(row) for row in leaf]
        return leaf

    return map_batch(batch, move)


def pin_batch(batch: Any) -> Any:
    """The batch with its tensors and arrays in pinned memory, so that copies to a GPU overlap with its work."""

    def pin(leaf: Any) -> Any:
        if isinstance(leaf, np.ndarray) and leaf.dtype.kind in "biuf":
            leaf = torch.from_numpy(leaf)
        return leaf.pin_memory() if isinstance(leaf, Tensor) and leaf.device.type == "cpu" else leaf

    return map_batch(batch, pin)


def split_batch(batch: Any, parts: int) -> list[Any]:
    """The batch in `parts` consecutive pieces whose sizes differ by at most one row.

    Tensors, arrays and lists are cut along their first dimension, each by its own length: the two sides of a mixed
    batch (real, synthetic) are both spread over all pieces, and a piece may hold no row of the smaller side. Scalars,
    text and None go into every piece. A task with tensors whose first dimension is not the rows must split by itself.
    """

    def piece(index: int) -> Any:
        def cut(leaf: Any) -> Any:
            if isinstance(leaf, list) or (isinstance(leaf, (Tensor, np.ndarray)) and leaf.ndim > 0):
                rows = len(leaf)
                return leaf[index * rows // parts : (index + 1) * rows // parts]
            return leaf

        return map_batch(batch, cut)

    return [piece(index) for index in range(parts)]
