"""Keys and values of texts that are at different places: the memory of a batch whose rows come and go.

The cache of a batch has a fixed number of slots and columns. Every slot stands at a column of its own, so a slot whose
text has ended can begin another one at once, and no step copies what was remembered before, as a growing cache does.
Columns that a slot has not reached yet, or that hold an earlier text's values, are masked: they weigh exactly nothing.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import Cache
from transformers.cache_utils import CacheLayerMixin


class SlotCache(Cache):
    """A cache of fixed shape, written one token a slot and step.

    Args:
        slots: rows of the batch.
        columns: most tokens of a text.
        device: where the model computes.
    """

    def __init__(self, slots: int, columns: int, device: torch.device | str = "cpu") -> None:
        super().__init__(layers=[])
        self.slots, self.columns = slots, columns
        self._rows = torch.arange(slots, device=device)  # [B]
        self._columns = torch.arange(columns, device=device)  # [S]
        self._at = torch.zeros(slots, dtype=torch.long, device=device)  # [B]

    def fill(self, head: Cache) -> None:
        """Put what every text begins with into the first columns of all slots.

        Args:
            head: the cache of one row after reading these tokens.
        """
        for number, read in enumerate(head.layers):
            assert isinstance(read, CacheLayerMixin)
            keys, values = read.keys, read.values  # [1, H, P, D]
            assert keys is not None
            assert values is not None
            layer = self._layer(number)
            layer.open(keys, values)
            layer.keys[:, :, : keys.shape[2]] = keys
            layer.values[:, :, : values.shape[2]] = values

    def stand_at(self, at: Tensor) -> None:
        """Say which column the next token of each slot goes to; int64 [B]."""
        self._at = at

    def mask(self, dtype: torch.dtype) -> Tensor:
        """What attention adds to its scores: 0 up to where a slot stands, the lowest number after it; [B, 1, 1, S]."""
        seen = self._columns <= self._at[:, None]  # [B, S]
        added = torch.zeros(seen.shape, dtype=dtype, device=seen.device)
        return added.masked_fill_(~seen, torch.finfo(dtype).min)[:, None, None]

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *_: Any, **__: Any
    ) -> tuple[Tensor, Tensor]:
        """Write one token a slot, [B, H, 1, D] each; returns all columns, [B, H, S, D]."""
        layer = self._layer(layer_idx)
        return layer.update(key_states, value_states, self._rows, self._at)

    def _layer(self, number: int) -> _SlotLayer:
        while len(self.layers) <= number:
            self.layers.append(_SlotLayer(self.slots, self.columns))
        layer = self.layers[number]
        assert isinstance(layer, _SlotLayer)
        return layer


class _SlotLayer(CacheLayerMixin):
    """Keys and values of one layer of the model, [B, H, S, D] each."""

    is_sliding = False
    keys: Tensor
    values: Tensor

    def __init__(self, slots: int, columns: int) -> None:
        super().__init__()
        self._shape = (slots, columns)

    def open(self, keys: Tensor, values: Tensor) -> None:
        """Make room on the first call; zeros, because even what weighs nothing must be a number."""
        if not self.is_initialized:
            slots, columns = self._shape
            self.keys = keys.new_zeros(slots, keys.shape[1], columns, keys.shape[3])
            self.values = values.new_zeros(slots, values.shape[1], columns, values.shape[3])
            self.is_initialized = True

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """As `open`, under the name that `transformers` knows."""
        self.open(key_states, value_states)

    def update(self, key_states: Tensor, value_states: Tensor, *place: Any, **_: Any) -> tuple[Tensor, Tensor]:
        """Write one token a slot; `place` are the rows and the columns they go to, int64 [B] each."""
        rows, columns = place
        self.open(key_states, value_states)
        self.keys[rows, :, columns] = key_states[:, :, 0]
        self.values[rows, :, columns] = value_states[:, :, 0]
        return self.keys, self.values

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Columns, and the first of them."""
        return self._shape[1], 0

    def get_seq_length(self) -> int:
        """0: slots stand at different columns, so positions must be given."""
        return 0

    def get_max_length(self) -> int:
        """Columns."""
        return self._shape[1]
