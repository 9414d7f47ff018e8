"""A stage killed hundreds of times, by SIGKILL: are rows lost, rows doubled, torn files seen?

Run with: python benchmarks/kill_store.py [--kills 200] [--seed 0]

Every trial draws sizes of batch and shard, one or two workers, and up to eight deaths: at a crash point (rows made,
temporary file written, synced, renamed, manifest written) of some shard, or after a random time. What a reader could
see after each death is checked: every shard that the manifest names is whole, no id stands twice. Then the stage is run
to its end and every file must equal, byte for byte, that of one undisturbed run with one worker.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pairsmith.errors import PairsmithError
from pairsmith.execution import Execution, run_stage
from pairsmith.pairs import Pair, PairStore, pair_id
from pairsmith.pairs.atomic import CRASH_POINTS, CRASH_VARIABLE
from pairsmith.pairs.verify import verify

ITEMS = 60
WORKER_DIED = 3  # exit status of a driver that was told of a worker's death


def make_rows(numbers: Sequence[int]) -> list[Pair]:
    """Rows with tokens and a picture, made slowly enough to be killed in between."""
    time.sleep(0.002 * len(numbers))
    return [
        Pair(
            id=pair_id(f"caption {number}", "test", "", {}, 0),
            caption=f"caption {number}",
            tokens=np.arange(16) + number,
            image=bytes([number]) * 500,
        )
        for number in numbers
    ]


def run(folder: Path, shard_rows: int, batch_rows: int = 1, workers: int = 1) -> None:
    """The stage, from where it stands."""
    run_stage(
        folder,
        ITEMS,
        make_rows,
        settings={},
        inputs={},
        shard_rows=shard_rows,
        batch_rows=batch_rows,
        execution=Execution(workers=workers),
        num_tokens=16,
    )


def life(folder: Path, crash_at: str, sizes: dict[str, int]) -> None:
    """A process that runs the stage until it dies."""
    os.environ[CRASH_VARIABLE] = crash_at
    try:
        run(folder, **sizes)
    except PairsmithError:
        os._exit(WORKER_DIED)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file by name."""
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def wrong_rows(folder: Path, expected: list[str]) -> Counter:
    """What a reader sees of an unfinished store that it should not see."""
    if not (folder / "manifest.json").is_file():
        return Counter()
    torn = [problem for problem in verify(folder).problems if problem.kind in ("missing", "torn", "changed")]
    ids = PairStore(folder, partial=True).ids(None)
    return Counter(torn=len(torn), doubled=len(ids) - len(set(ids)), foreign=len(set(ids) - set(expected)))


def trial(draw: random.Random, counts: Counter, wanted_kills: int) -> None:
    """One store, killed up to eight times and then finished."""
    context: Any = multiprocessing.get_context("forkserver")
    shard_rows = draw.randint(1, 20)
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        undisturbed, killed = Path(one), Path(other)
        run(undisturbed, shard_rows)
        expected = PairStore(undisturbed).ids(None)
        for _ in range(min(8, wanted_kills)):
            workers = 2 if draw.random() < 0.15 else 1
            by_time = draw.random() < 0.3
            point = f"{draw.choice(CRASH_POINTS)}:{draw.randint(1, 1 + ITEMS // shard_rows)}"
            sizes = {"shard_rows": shard_rows, "batch_rows": draw.randint(1, 12), "workers": workers}
            process = context.Process(target=life, args=(killed, "" if by_time else point, sizes))
            process.start()
            process.join(draw.uniform(0.0, 0.25) * (8 if workers > 1 else 1) if by_time else None)
            if process.is_alive():
                process.kill()
                process.join()
            if process.exitcode in (-signal.SIGKILL, WORKER_DIED):
                counts[f"killed, {'at a random time' if by_time else 'at ' + point.split(':')[0]}"] += 1
                counts["kills"] += 1
            counts.update(wrong_rows(killed, expected))
        run(killed, shard_rows, draw.randint(1, 12))
        ids = PairStore(killed).ids(None)
        counts["lost"] += len(set(expected) - set(ids))
        counts["doubled"] += len(ids) - len(set(ids))
        counts["stores not equal byte for byte"] += contents(killed) != contents(undisturbed)
        counts["stores"] += 1


def main() -> None:
    """Kill, count and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    multiprocessing.get_context("forkserver").set_forkserver_preload(["pairsmith.execution.stage"])
    draw = random.Random(arguments.seed)
    counts: Counter = Counter()
    while counts["kills"] < arguments.kills:
        trial(draw, counts, arguments.kills - counts["kills"])
    for name in ("kills", "stores", "lost", "doubled", "foreign", "torn", "stores not equal byte for byte"):
        print(f"{counts[name]:6}  {name}")
    for name in sorted(name for name in counts if name.startswith("killed")):
        print(f"{counts[name]:6}  {name}")
    bad = sum(counts[name] for name in ("lost", "doubled", "foreign", "torn", "stores not equal byte for byte"))
    raise SystemExit(1 if bad else 0)


if __name__ == "__main__":
    main()
