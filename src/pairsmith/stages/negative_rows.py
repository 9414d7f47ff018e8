"""Stage: every hard negative of a store becomes a row of its own, so that it is drawn as captions are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from pairsmith.captions.rows import Progress, pass_rows
from pairsmith.errors import InputError
from pairsmith.pairs import Pair, PairStore, imported_id
from pairsmith.pairs.caption_sets import BASE_KIND


def add_negative_rows(
    store: PairStore, out: Path | str, *, shard_rows: int = 1000, progress: Progress | None = None
) -> PairStore:
    """A new store with a row after each "ok" row that has a negative; the others come through as they are.

    The new row's caption is the negative, its `negative` is the caption it contradicts, and its `negative_kind` says
    "base". It has an id of its own and belongs to no group; concept and axis are its base's.

    Args:
        store: captions with negatives.
        out: folder of the new store.
        shard_rows: rows a shard.
        progress: called with (rows done, all rows, failed rows).

    Raises:
        InputError: a caption of a group comes twice, with two negatives; or as `PairStore.write`.
    """

    def change(rows: Iterator[Pair]) -> Iterable[Pair]:
        seen: set[tuple[str, str]] = set()
        for row in rows:
            yield row
            if row.status != "ok" or not row.negative or row.negative_kind == BASE_KIND:
                continue
            key = (row.group or row.id, row.caption)
            if key in seen:
                raise InputError(
                    f"{store.folder}: caption {row.caption[:60]!r} has several negatives; one a caption can be drawn"
                )
            seen.add(key)
            yield replace(
                row,
                id=imported_id(row.id, BASE_KIND),
                group="",
                caption=row.negative,
                negative=row.caption,
                negative_kind=BASE_KIND,
                references=(),
                image=None,
                image_path=None,
                tokens=None,
            )

    return pass_rows(
        store, out, change, settings={"stage": "negative-rows"}, shard_rows=shard_rows, rows_of_one=2, progress=progress
    )
