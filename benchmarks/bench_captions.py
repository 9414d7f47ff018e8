"""Captions of a language model on this machine: rate, resuming after a kill, reasons, and diversity beside people's.

Run with: python benchmarks/bench_captions.py captions_val2017.json --out FOLDER [--captions 2000 --concepts 500]

Writes captions with the packaged SmolLM2 for a seeded draw of the packaged concepts, kills the process with SIGKILL
once half of the shards are there, runs the same command again, and looks whether every row is there once and has a
status and a reason. Then the accepted captions, the texts of all rows, accepted or not ("raw"), and people's captions
are compared by `pairsmith diversity`: share of the 5 fullest of 20 clusters, and entropy. Prints Markdown. Try it with
`--captions 40 --concepts 20 --shard-rows 10 --clusters 5` first.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from pairsmith.captions import ConceptBank, reason_counts
from pairsmith.cli.caption_sets import read_captions
from pairsmith.pairs import PairStore
from pairsmith.pairs.verify import verify

COMMAND = [sys.executable, "-c", "from pairsmith.cli.app import main; main()"]


def caption_command(arguments: argparse.Namespace, concepts: Path, store: Path) -> list[str]:
    """The command that writes the captions; one try a row, so that all rows together are what the prompt gives."""
    return [
        *COMMAND, "captions", "--writer", arguments.writer, "--concepts", str(concepts), "--out", str(store),
        "--count", str(arguments.captions), "--shard-rows", str(arguments.shard_rows),
        "--prompt", arguments.prompt, "--set", f"captions.seed={arguments.seed}", "--set", "captions.attempts=1",
        "--set", "chat.force_start=true", "--set", "chat.sampling.temperature=0.7",
        "--set", f"chat.sampling.max_new_tokens={arguments.max_new_tokens}",
    ]  # fmt: skip


def shards_of(store: Path) -> int:
    """Finished shards, of the drafts while they are being made."""
    drafts = store.with_name(f"{store.name}.drafts")
    return max(len(list(folder.glob("part-*.parquet"))) for folder in (store, drafts))


def write_and_kill(command: list[str], store: Path, shards: int) -> float:
    """Run until half of the shards are there, then kill; returns the seconds."""
    started = time.perf_counter()
    process = subprocess.Popen(command)
    while process.poll() is None and shards_of(store) < max(1, shards // 2):
        time.sleep(0.5)
    if process.poll() is not None:
        raise SystemExit("the captions were finished before they could be killed: take more, or smaller shards")
    process.send_signal(signal.SIGKILL)
    process.wait()
    return time.perf_counter() - started


def main() -> None:
    """Write, kill, resume, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("annotations", type=Path, help="COCO caption annotations: people's captions")
    parser.add_argument("--out", type=Path, required=True, help="folder for everything that is made; must be new")
    parser.add_argument("--writer", default="smollm2", help="model that writes and embeds: smollm2, a folder or hub id")
    parser.add_argument("--captions", type=int, default=2000, help="rows to write")
    parser.add_argument("--concepts", type=int, default=500, help="concepts to draw from the packaged ones")
    parser.add_argument("--prompt", default="synclr-concept", help="a built-in prompt, as of `pairsmith captions`")
    parser.add_argument("--max-new-tokens", type=int, default=40)
    parser.add_argument("--shard-rows", type=int, default=250)
    parser.add_argument("--clusters", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    arguments.out.mkdir(parents=True)
    concepts, store = arguments.out / "concepts.txt", arguments.out / "captions"
    names = random.Random(arguments.seed).sample(ConceptBank.packaged().names, arguments.concepts)
    concepts.write_text("\n".join(names) + "\n")
    command = caption_command(arguments, concepts, store)
    shards = -(-arguments.captions // arguments.shard_rows)
    first = write_and_kill(command, store, shards)
    kept = shards_of(store)
    started = time.perf_counter()
    subprocess.run(command, check=True)
    second = time.perf_counter() - started

    made = PairStore(store)
    rows = list(made.iter_pairs(["concept"], status=None))
    checked = verify(store)
    assert checked.ok, checked.problems
    assert checked.complete
    assert len(rows) == arguments.captions == len({row.id for row in rows})
    assert all(row.status == "ok" or row.reason for row in rows)
    raw = arguments.out / "raw.txt"
    raw.write_text("\n".join(" ".join(row.caption.split()) for row in rows if row.caption.strip()) + "\n")
    print(
        f"{arguments.captions:,} captions for {len({row.concept for row in rows}):,} of {arguments.concepts:,} concepts"
    )
    print(
        f"killed after {first:.0f} s with {kept} of {shards} shards, resumed and done after {second:.0f} s more; "
        f"{arguments.captions * (shards - kept) / shards / second:.2f} captions a second after the kill"
    )
    print("\n| reason | rows |\n| --- | --- |")
    for reason, count in reason_counts(made).items():
        print(f"| {reason} | {count:,} |")
    print(f"\npeople: {len(read_captions(arguments.annotations)):,} captions in the file", flush=True)
    raw_and_people = [f"raw={raw}", f"people={arguments.annotations}"]
    compare(raw_and_people, arguments, "diversity-raw")
    if len(made) >= arguments.clusters:
        compare([f"accepted={store}", *raw_and_people], arguments, "diversity")  # all cut to the accepted ones' number
    else:
        print(f"only {len(made)} captions were accepted: too few to cluster")


def compare(sets: list[str], arguments: argparse.Namespace, name: str) -> None:
    """Print concentration and entropy of some sets, at the size of the smallest."""
    options = [
        "--clusters",
        str(arguments.clusters),
        "--embedder",
        arguments.writer,
        "--out",
        str(arguments.out / name),
    ]
    subprocess.run([*COMMAND, "diversity", *sets, *options], check=True)


if __name__ == "__main__":
    main()
