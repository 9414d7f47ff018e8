"""Rows of a store made ready for scoring: read in order, pictures decoded and viewed in worker threads, ahead of use.

Pillow and NumPy let other threads run while they decode and resize, so threads keep all cores busy without copying
pictures between processes. A picture that cannot be decoded or viewed is a reason, never an exception.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from pairsmith.curation.score import View
from pairsmith.execution.row_values import reason_of
from pairsmith.pairs import PairStore, decode_image

_AHEAD = 3  # batches that are being made ready at a time


@dataclass(frozen=True, eq=False)
class ReadyRow:
    """One row: what each view made of its picture, or why there is nothing."""

    id: str
    caption: str
    views: Mapping[str, Any]
    failures: Mapping[str, str]  # view -> reason


def ready_batches(
    store: PairStore, positions: Sequence[int], views: Mapping[str, View], *, batch_rows: int, workers: int
) -> Iterator[list[ReadyRow]]:
    """The rows at `positions`, `batch_rows` at a time, in order.

    Args:
        views: name -> function of the decoded picture; empty leaves the pictures unread.
        workers: threads.
    """
    pool = ThreadPoolExecutor(max(1, workers), thread_name_prefix="pictures")
    waiting: deque[list[Future[ReadyRow]]] = deque()
    try:
        for start in range(0, len(positions), batch_rows):
            rows = _read(store, positions[start : start + batch_rows], bool(views))
            waiting.append([pool.submit(_make_ready, *row, views) for row in rows])
            if len(waiting) >= _AHEAD:
                yield [future.result() for future in waiting.popleft()]
        while waiting:
            yield [future.result() for future in waiting.popleft()]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _read(store: PairStore, positions: Sequence[int], pictures: bool) -> list[tuple[str, str, bytes | None]]:
    table = store.take(positions, ["id", "caption", *(["image"] if pictures else [])])
    images = table.column("image").to_pylist() if pictures else [None] * len(table)
    return [
        (name, caption or "", image["bytes"] if image else None)
        for name, caption, image in zip(
            table.column("id").to_pylist(), table.column("caption").to_pylist(), images, strict=True
        )
    ]


def _make_ready(name: str, caption: str, data: bytes | None, views: Mapping[str, View]) -> ReadyRow:
    if not views:
        return ReadyRow(name, caption, {}, {})
    if data is None:
        return ReadyRow(name, caption, {}, dict.fromkeys(views, "the row has no picture"))
    try:
        picture = decode_image(data)
    except Exception as error:
        return ReadyRow(name, caption, {}, dict.fromkeys(views, reason_of(error)))
    made: dict[str, Any] = {}
    failures: dict[str, str] = {}
    for key, view in views.items():
        try:
            made[key] = view(picture)
        except Exception as error:
            failures[key] = reason_of(error)
    return ReadyRow(name, caption, made, failures)
