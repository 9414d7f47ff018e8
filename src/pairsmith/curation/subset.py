"""The chosen pairs as a store of their own, best first: for programs that know stores and no selections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from pairsmith.execution import run_stage
from pairsmith.pairs import Pair, PairStore
from pairsmith.pairs.schema import table_to_pairs
from pairsmith.pairs.scores import Selection


def copy_selection(
    store: PairStore,
    selection: Selection,
    out: Path | str,
    *,
    shard_rows: int = 1000,
    progress: Callable[[int, int, int], None] | None = None,
) -> PairStore:
    """Copy the chosen rows into a new store; resumable, rows and ids unchanged, in order of rank.

    Args:
        store: where the pairs are.
        selection: which of them.
        out: folder of the new store.
        shard_rows: rows a shard.
        progress: called with (rows done, all rows, failed rows).

    Raises:
        InputError: as `run_stage`.
    """
    positions = selection.positions(store)

    def make_rows(batch: Sequence[int]) -> list[Pair]:
        return table_to_pairs(store.take(batch))

    return run_stage(
        out,
        positions.tolist(),
        make_rows,
        settings={"stage": "select", **dict(selection.settings)},
        inputs={"pairs": store.fingerprint},
        shard_rows=shard_rows,
        batch_rows=100,
        kind=store.manifest.kind,
        num_tokens=store.manifest.num_tokens,
        tokenizer=store.manifest.tokenizer,
        describe=lambda position: store.pair(position),
        progress=progress,
    )
