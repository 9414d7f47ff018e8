"""The captions that a budget of pictures can be spent on, read shard by shard into a few columns.

A store of tens of millions of captions does not fit in memory as Python objects. What is kept of a caption is its id,
its place among the candidates, the number of its axis and, with negatives, the id of the row that shows its negative.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pairsmith.pairs import PairStore
from pairsmith.pairs.caption_sets import BASE_KIND
from pairsmith.seeds import row_seed

NO_AXIS = -1
_KEY_BYTES = 16


@dataclass(frozen=True)
class CandidateCaptions:
    """C captions.

    Attributes:
        ids: of their rows, large_string [C].
        axes: int32 [C], numbers of axes, `NO_AXIS` for every other axis.
        negatives: ids of the rows that show their negatives, large_string [C]; None where negatives are not drawn.
    """

    ids: pa.Array
    axes: NDArray[np.int32]
    negatives: pa.Array | None

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, places: NDArray[np.int64]) -> CandidateCaptions:
        """The captions at `places`, int64 [n], in that order."""
        negatives = None if self.negatives is None else self.negatives.take(pa.array(places))
        return CandidateCaptions(self.ids.take(pa.array(places)), self.axes[places], negatives)


def read_candidates(store: PairStore, axes: Sequence[str], *, negatives: bool) -> CandidateCaptions:
    """The "ok" rows that show no hard negative, in the order of the store.

    Args:
        store: captions.
        axes: those to be told apart; a caption's number of axis is a place in this list.
        negatives: keep captions whose negative has a row of its own alone; of several such rows the last one counts.
    """
    ids: list[pa.Array] = []
    keys: list[pa.Array] = []
    numbers = [np.zeros(0, np.int32)]
    shown_ids: list[pa.Array] = []
    shown_keys: list[pa.Array] = []
    columns = ["id", "status", "negative_kind", "axis", *(["caption", "negative"] if negatives else [])]
    for table in store.shard_tables(columns):
        table = table.filter(pc.equal(table.column("status"), "ok"))
        is_shown = pc.fill_null(pc.equal(table.column("negative_kind"), BASE_KIND), False)
        bases = table.filter(pc.invert(is_shown))
        ids += bases.column("id").cast(pa.large_string()).chunks
        places = pc.index_in(pc.fill_null(bases.column("axis"), ""), value_set=pa.array(axes, pa.string()))
        numbers.append(pc.fill_null(places, NO_AXIS).to_numpy())
        if negatives:
            shown = table.filter(is_shown)
            shown_ids += shown.column("id").cast(pa.large_string()).chunks
            keys.append(_keys(bases.column("caption"), pc.fill_null(bases.column("negative"), "")))
            shown_keys.append(_keys(shown.column("negative"), shown.column("caption")))
    candidates = CandidateCaptions(_joined(ids, pa.large_string()), np.concatenate(numbers), None)
    if not negatives:
        return candidates
    kind = pa.binary(_KEY_BYTES)
    last_first = pa.array(np.arange(sum(map(len, shown_ids)))[::-1])
    found = pc.index_in(_joined(keys, kind), value_set=_joined(shown_keys, kind).take(last_first))
    kept = np.flatnonzero(found.is_valid().to_numpy(zero_copy_only=False))
    shown_at = last_first.take(found.drop_null())
    own = candidates.take(kept)
    return CandidateCaptions(own.ids, own.axes, _joined(shown_ids, pa.large_string()).take(shown_at))


def plan_order(ids: pa.Array, seed: int, count: int) -> NDArray[np.int64]:
    """The places of the first `count` ids in an order that depends on each id and the seed alone, int64 [count]."""
    seeds = np.fromiter((row_seed(seed, name, "allocation") for name in _texts(ids)), np.int64, len(ids))
    return np.argsort(seeds, kind="stable")[:count]


def _keys(bases: pa.ChunkedArray, negatives: pa.ChunkedArray) -> pa.Array:
    """What stands for a caption and its negative, binary(16) [n]; null where there is no base."""
    found = [
        None
        if base is None
        else hashlib.blake2b(f"{len(base)}:{base}{negative}".encode(), digest_size=_KEY_BYTES).digest()
        for base, negative in zip(bases.to_pylist(), negatives.to_pylist(), strict=True)
    ]
    return pa.array(found, pa.binary(_KEY_BYTES))


def _joined(parts: Sequence[pa.Array], kind: pa.DataType) -> pa.Array:
    return pa.concat_arrays([pa.array([], kind), *parts])


def _texts(ids: pa.Array) -> Iterable[str]:
    """One by one, with few of them as Python objects at a time."""
    step = 1 << 16
    for start in range(0, len(ids), step):
        yield from ids.slice(start, step).to_pylist()
