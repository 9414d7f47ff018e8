"""A small stage for the tests, importable by worker processes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pairsmith.execution import Execution, MakeRows, run_stage
from pairsmith.pairs import Pair, PairStore, pair_id
from pairsmith.pairs.atomic import CRASH_VARIABLE

ITEMS = [f"caption {number}" for number in range(23)]
BAD = {"caption 5", "caption 11", "caption 12"}
SHARDS = 3
OPTIONS: dict[str, Any] = {
    "settings": {"steps": 4},
    "inputs": {"captions": "0123456789abcdef"},
    "shard_rows": 10,
    "batch_rows": 4,
    "num_tokens": 3,
}


def make_row(caption: str) -> Pair:
    if caption in BAD:
        raise ValueError(f"no picture of {caption}\nbut a long story")
    number = int(caption.split()[1])
    return Pair(
        id=pair_id(caption, "test", "", {}, 0), caption=caption, tokens=np.arange(3) + number, image=b"x" * number
    )


def make_rows(captions: Sequence[str]) -> list[Pair]:
    return [make_row(caption) for caption in captions]


def describe(caption: str) -> Pair:
    return Pair(id=pair_id(caption, "test", "", {}, 0), caption=caption, image=b"never kept")


def build_noting(note: Path) -> MakeRows:
    """As `make_rows`, after leaving a note of the process that built it; one process may do so once."""
    (note / str(os.getpid())).touch(exist_ok=False)
    return make_rows


def build_dying_once(notes: Path) -> MakeRows:
    """As `make_rows`, noting every caption of a batch, but the first process at caption 14 is killed."""
    return partial(make_rows_dying_once, notes)


def make_rows_dying_once(notes: Path, captions: Sequence[str]) -> list[Pair]:
    if "caption 14" in captions and not (notes / "killed").exists():
        (notes / "killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    for caption in captions if len(captions) > 1 else []:
        (notes / f"{caption}-{os.urandom(4).hex()}").touch()
    return make_rows(captions)


def build_slow_after(last: str) -> MakeRows:
    """As `make_rows`, but a batch that begins after a caption takes a minute."""
    return partial(make_rows_slow_after, int(last.split()[1]))


def make_rows_slow_after(last: int, captions: Sequence[str]) -> list[Pair]:
    if int(captions[0].split()[1]) > last:
        time.sleep(60)
    return make_rows(captions)


def build_broken() -> MakeRows:
    raise FileNotFoundError("the model's folder is missing")


def build_failing_while(flag: Path) -> MakeRows:
    """As `make_rows`, but captions whose number ends in 3 fail, too, as long as a file is there."""
    return partial(make_rows_failing_while, flag)


def make_rows_failing_while(flag: Path, captions: Sequence[str]) -> list[Pair]:
    if flag.exists() and any(caption.endswith("3") for caption in captions):
        raise ConnectionError("the server is away")
    for caption in captions:
        (flag.parent / f"made {caption}").touch()
    return make_rows(captions)


def run(out: Path, *, workers: int = 1, execution: Mapping[str, Any] | None = None, **changes: Any) -> PairStore:
    how = Execution(workers=workers, **(execution or {}))
    values = {"items": ITEMS, "make_rows": make_rows} | OPTIONS | changes
    return run_stage(out, values.pop("items"), values.pop("make_rows"), execution=how, **values)


def run_until_crash(out: Path, crash_at: str, **changes: Any) -> None:
    """The body of a process that dies at a crash point, or ends well if it never gets there."""
    os.environ[CRASH_VARIABLE] = crash_at
    run(out, **changes)
