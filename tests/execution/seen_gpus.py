"""Work that tells which GPUs its process sees, importable by workers."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

VARIABLE = "CUDA_VISIBLE_DEVICES"


def seen_gpus(task: Any) -> str | None:
    return os.environ.get(VARIABLE)


def build_seen_gpus(told: Callable[[Any], None]) -> Callable[[Any], str | None]:
    return seen_gpus


def ask(pool: Any, workers: int, ready: int | None = None) -> dict[int, str | None]:
    """What each worker sees, by its number, of so many as get ready; the pool is left open."""
    waiting = workers if ready is None else ready
    for number in range(workers):
        pool.start(number)
    seen: dict[int, str | None] = {}
    while len(seen) < waiting:
        for number, event in pool.events():
            assert event.kind in ("ready", "done"), event
            if event.kind == "ready":
                pool.send(number, None)
            else:
                seen[number] = event.value
    return seen
