"""Feed wrong inputs to every reader, in child processes that may be lost, and tell what went wrong.

Run with: python -m tests.fuzz.run [--inputs 100000] [--seconds 1500] [--seed 0] [--targets tar,picture]
          python -m tests.fuzz.run --only tar:1234 [--seed 0] [--keep FILE]      one input again, with its traceback

A fault is any exception but `InputError`, a process that dies, an input that takes more than 60 seconds, memory that
grows by more than 2 GiB (a limit of the process makes it a `MemoryError`), a file written or changed outside of the
input's folder, and a row that holds a picture from outside its source. Input number n of a target depends on the seed,
the target and n alone.
"""

from __future__ import annotations

import argparse
import faulthandler
import logging
import multiprocessing
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pairsmith.errors import InputError
from tests.fuzz.hostile_pictures import extra_chunks
from tests.fuzz.stores import STORE
from tests.fuzz.target import SECRET
from tests.fuzz.targets import TARGETS

BLOCK = 4000  # inputs of one child
SLOW = 60.0  # seconds after which an input counts as hanging; a busy machine takes many for nothing
STARTING = 120.0  # seconds that a child may take to import everything on a busy machine
MEMORY = 2 * 2**30  # bytes that a child may grow by


@dataclass
class Findings:
    """What one target came to."""

    inputs: int = 0
    refused: int = 0
    rows: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    peak: int = 0  # bytes of resident memory
    faults: dict[str, tuple[int, str]] = field(default_factory=dict)  # what -> (first number, details)
    counts: Counter[str] = field(default_factory=Counter)

    def fault(self, what: str, number: int, details: str = "") -> None:
        """Note a fault; equal ones are counted."""
        self.faults.setdefault(what, (number, details))
        self.counts[what] += 1


def fuzz(name: str, first: int, count: int, seed: int, base: Path, until: float) -> Findings:
    """Inputs `first` to `first + count - 1` of a target, block by block, until a moment of `time.monotonic`."""
    found = Findings()
    at, end = first, first + count
    while at < end and time.monotonic() < until:
        block = min(BLOCK, end - at)
        at += _block(name, at, block, seed, base, found)
    return found


def _block(name: str, first: int, count: int, seed: int, base: Path, found: Findings) -> int:
    """One child's inputs; returns how many were fed, the one that ended the child included."""
    context: Any = multiprocessing.get_context("spawn")  # Arrow's threads do not survive a fork
    number, since = context.Value("q", first, lock=False), context.Value("d", time.monotonic() + STARTING, lock=False)
    mine, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(name, first, count, seed, base, number, since, theirs))
    child.start()
    theirs.close()
    hanging = False
    while not mine.poll(1.0):
        if time.monotonic() - since.value > SLOW:
            hanging = True
            os.kill(child.pid, signal.SIGUSR1)  # it tells where it is
            time.sleep(1)
            child.kill()
            break
    try:
        done: Findings | None = mine.recv()
    except EOFError:
        done = None
    child.join()
    if done is None:  # what it had counted went with it
        reached = number.value
        found.fault(f"hangs for more than {SLOW:g} s" if hanging else f"dies with {child.exitcode}", reached)
        found.inputs += reached - first + 1
        return int(reached - first + 1)
    for key in ("inputs", "refused", "rows", "seconds"):
        setattr(found, key, getattr(found, key) + getattr(done, key))
    found.slowest, found.peak = max(found.slowest, done.slowest), max(found.peak, done.peak)
    for what, (where, details) in done.faults.items():
        found.faults.setdefault(what, (where, details))
    found.counts.update(done.counts)
    return count


def _child(name: str, first: int, count: int, seed: int, base: Path, number: Any, since: Any, answer: Any) -> None:
    faulthandler.register(signal.SIGUSR1)
    _be_quick_and_quiet()
    prepare(base)
    _limit_memory()
    since.value = time.monotonic()
    found = Findings()
    outside = files_outside(base)
    for at in range(first, first + count):
        number.value, since.value = at, time.monotonic()
        started = time.perf_counter()
        try:
            found.rows += feed_one(name, at, seed, base)
        except InputError:
            found.refused += 1
        except BaseException as error:
            found.fault(
                _signature(error), at, "\n".join(line[:300] for line in traceback.format_exc(limit=-8).splitlines())
            )
        seconds = time.perf_counter() - started
        found.inputs, found.seconds, found.slowest = (
            found.inputs + 1,
            found.seconds + seconds,
            max(found.slowest, seconds),
        )
        if files_outside(base) != outside:
            found.fault("writes outside of the folder", at)
            outside = files_outside(base)
    found.peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    answer.send(found)


def feed_one(name: str, number: int, seed: int, base: Path, keep: Callable[[bytes], Any] = len) -> int:
    """One input into its reader, in a fresh folder below `base`."""
    target = TARGETS[name]
    draw = random.Random(f"{seed} {name} {number}")
    data = target.make(draw)
    keep(data)
    folder = base / "work"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return target.feed(data, folder, draw)


def _signature(error: BaseException) -> str:
    """Kind of error and the last of our own places that it passed."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/pairsmith/" in frame.filename]
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno} {frames[-1].name}" if frames else "outside"
    return f"{type(error).__name__} at {where}"


def files_outside(base: Path) -> list[tuple[str, int, int]]:
    """Names, sizes and times of everything in `base` but the input's folder."""
    with os.scandir(base) as entries:
        return sorted(
            (entry.name, entry.stat().st_size, entry.stat().st_mtime_ns) for entry in entries if entry.name != "work"
        )


def _limit_memory() -> None:
    with open("/proc/self/statm", encoding="ascii") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))


def _be_quick_and_quiet() -> None:
    """For a whole process: nobody cuts the power here, and warnings about broken pictures are not wanted."""
    os.fsync = lambda descriptor: None
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")


def prepare(base: Path) -> None:
    """The files around an input's folder that must not change, and the store that inputs are made from."""
    extra_chunks()
    (base / "secret.png").write_bytes(SECRET)
    (base / "canary.txt").write_text("nobody writes here")
    STORE.template(base)


def main() -> None:
    """Feed, count and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=100_000, help="in all, shared evenly by the targets")
    parser.add_argument("--seconds", type=float, default=1500, help="time after which nothing new is begun")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--targets", default=",".join(TARGETS), help="names, separated by commas")
    parser.add_argument("--only", metavar="TARGET:NUMBER", help="feed this input alone")
    parser.add_argument("--keep", type=Path, help="with --only: write the input to this file")
    arguments = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    memory = Path("/dev/shm")  # hundreds of thousands of small files are not worth a disk
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        base = Path(folder)
        if arguments.only:
            _be_quick_and_quiet()
            prepare(base)
            name, _, number = arguments.only.partition(":")
            keep = arguments.keep.write_bytes if arguments.keep else len
            print(f"{feed_one(name, int(number), arguments.seed, base, keep)} rows")
            return
        raise SystemExit(1 if _run(arguments, base) else 0)


def _run(arguments: argparse.Namespace, base: Path) -> int:
    """All targets in turn; returns the number of kinds of faults."""
    names = arguments.targets.split(",")
    share = -(-arguments.inputs // len(names))
    started, faults, total = time.monotonic(), 0, 0
    print(f"seed {arguments.seed}, {share:,} inputs for each of {len(names)} targets")
    for left, name in zip(range(len(names), 0, -1), names, strict=True):
        spent = time.monotonic() - started
        until = time.monotonic() + max(1.0, (arguments.seconds - spent) / left)
        found = fuzz(name, 0, share, arguments.seed, base, until)
        total += found.inputs
        print(
            f"{name:9} {found.inputs:8,} inputs {found.refused:8,} refused {found.rows:9,} rows "
            f"{found.seconds / max(1, found.inputs) * 1000:7.2f} ms each, slowest {found.slowest:5.2f} s, "
            f"peak {found.peak / 2**30:.2f} GiB, {sum(found.counts.values())} faults"
        )
        for what, (number, details) in found.faults.items():
            faults += 1
            print(f"  FAULT {name}:{number} ({found.counts[what]} times): {what}\n{details}")
    print(f"{total:,} inputs in {time.monotonic() - started:.0f} s, {faults} kinds of faults")
    return faults


if __name__ == "__main__":
    main()
