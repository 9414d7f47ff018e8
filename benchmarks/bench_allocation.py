"""Writing down who draws what, at a million captions with hard negatives: seconds, peak memory, bytes a picture.

Run with: python benchmarks/bench_allocation.py OUT [--captions 1000000] [--budget 1000000] [--views 4]

OUT/captions is made once: captions of eleven words, each with its negative in the next row.
Four generators have equal shares. Opening the store and `allocate` are timed together in a process of their own, whose
peak of resident memory is printed beside its peak before, with everything imported; then saving and loading.
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import time
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from pairsmith.pairs import Pair, PairStore
from pairsmith.pairs.caption_sets import BASE_KIND
from pairsmith.stages.allocation import Allocation, AllocationSettings, allocate

_TEXT = "yellow bicycle leaning against wooden fence quietly tall houses under cloudy evening sky"
_WORDS = np.array(_TEXT.split(" "))
_GENERATORS = ("sd_1_5", "sd_2_1", "sdxl_turbo", "pixart")


def rows(count: int) -> Iterator[Pair]:
    """Captions and their negatives, the same every time."""
    random = np.random.default_rng(0)
    for number in range(count):
        text = " ".join(_WORDS[random.integers(0, len(_WORDS), 9)])
        base, false = f"{text} red {number}", f"{text} blue {number}"
        for caption, negative, kind in ((base, false, "attribute"), (false, base, BASE_KIND)):
            row_id = hashlib.sha256(caption.encode()).hexdigest()[:32]
            yield Pair(id=row_id, caption=caption, negative=negative, negative_kind=kind, axis="colour")


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measure(out: Path, captions: int, budget: int, views: int) -> None:
    """One plan, its file and the plan read back."""
    settings = AllocationSettings(budget=budget, views=views, weights=dict.fromkeys(_GENERATORS, 1.0), negatives=True)
    before, start, cpu = _peak(), time.perf_counter(), time.process_time()
    plan = allocate(PairStore(out / "captions"), settings)
    seconds, cpu, after = time.perf_counter() - start, time.process_time() - cpu, _peak()
    print(f"{captions:,} captions with negatives, {budget:,} pictures, {views} a caption: {plan.counts()}")
    print(f"allocate: {seconds:.1f} s, of which {cpu:.1f} s on the CPU; {captions / seconds:,.0f} captions/s")
    print(f"peak memory: {after / 2**20:,.0f} MiB, of which {before / 2**20:,.0f} MiB before it began")
    print(f"the plan: {plan.table.nbytes / budget:.1f} bytes a picture in memory")
    file, start = out / "plan.parquet", time.perf_counter()
    plan.save(file)
    saved, start = time.perf_counter() - start, time.perf_counter()
    if Allocation.load(file) != plan:
        raise SystemExit("the plan that was read is not the plan that was written")
    loaded = time.perf_counter() - start
    print(f"file: {file.stat().st_size / budget:.1f} bytes a picture, written in {saved:.1f} s, read in {loaded:.1f} s")


def main() -> None:
    """Make the store where it is missing, and measure in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    for name, default in (("captions", 1_000_000), ("budget", 1_000_000), ("views", 4)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    PairStore.write(given.out / "captions", rows(given.captions), settings={"of": given.captions}, shard_rows=10_000)
    child = get_context("spawn").Process(target=measure, args=(given.out, given.captions, given.budget, given.views))
    child.start()
    child.join()
    raise SystemExit(child.exitcode)


if __name__ == "__main__":
    main()
