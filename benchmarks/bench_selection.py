"""100,000 rows of scores: how long selecting, explaining and reporting take, and how much memory.

Run with: python benchmarks/bench_selection.py [--rows 100000]

Makes a store of small pictures (four to a caption) with three scores, near-duplicate twins and embeddings, and a second
one to compare it with; making them is not timed. Then runs the commands as a user would, each in a process of its own:
`select` by a weighted sum with every rule, with --explain and its page; the same by facility location over the
embeddings; and `compare` with table, intervals, map and page. Prints Markdown: seconds by the clock and by
the processor, and the peak of resident memory.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from pairsmith.pairs import Pair, PairStore, encode_image
from pairsmith.pairs.scores import write_embeddings, write_scores

COMMAND = [sys.executable, "-c", "from pairsmith.cli.app import main; main()"]


def make_store(folder: Path, rows: int, seed: int, width: int) -> None:
    """Rows whose scores, twins and embeddings are drawn; 256 different pictures of 32 pixels."""
    generator = np.random.default_rng(seed)
    noise = generator.integers(0, 256, (256, 4, 4, 3), np.uint8)
    pictures = [encode_image(Image.fromarray(one).resize((32, 32), Image.Resampling.BICUBIC)) for one in noise]
    pairs = (
        Pair(id=f"{seed}{number:08x}", caption=f"a caption of number {number // 4}", group=f"{seed}-{number // 4}",
             image=pictures[number % 256])
        for number in range(rows)
    )  # fmt: skip
    store = PairStore.write(folder, pairs, settings={"seed": seed}, shard_rows=5000)
    ids = store.ids()
    clip = generator.normal(0.3, 0.04, rows)
    clip[generator.random(rows) < 0.001] = np.nan
    reasons = ["the row has no picture" if np.isnan(value) else None for value in clip]
    write_scores(store, "clip", ids, clip, {"model": "drawn"}, reasons=reasons)
    write_scores(store, "ssim", ids, generator.beta(8, 2, rows), {"base": 768})
    twins = np.where(generator.random(rows) < 0.05, generator.integers(0, rows, rows), np.arange(rows))
    twins = np.where(twins[twins] == twins, twins, np.arange(rows))
    distances = np.where(twins == np.arange(rows), 1.0, 0.05)
    write_scores(store, "near_duplicate", ids, distances, {"by": "drawn"}, twins=[ids[twin] for twin in twins])
    vectors = generator.normal(size=(rows, width)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    write_embeddings(store, "embedding", ids, vectors, {"model": "drawn"})


def timed(arguments: list[str]) -> tuple[float, float, float]:
    """Seconds by the clock and by the processor, and MiB of resident memory at the peak of a command.

    Raises:
        SystemExit: it failed.
    """
    started = time.perf_counter()
    process = os.posix_spawn(sys.executable, [*COMMAND, *arguments], os.environ)
    _, status, usage = os.wait4(process, 0)
    if status:
        raise SystemExit(f"pairsmith {' '.join(arguments)} failed")
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    """Make, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--width", type=int, default=128, help="of the embeddings")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        made, real, out = (str(Path(place) / name) for name in ("made", "real", "out"))
        make_store(Path(made), arguments.rows, 1, arguments.width)
        make_store(Path(real), arguments.rows, 2, arguments.width)
        top = str(arguments.rows // 10)
        rules = ["--by", "clip + 0.5 * ssim", "--threshold", "ssim > 0.5", "--near-duplicates", "near_duplicate"]
        runs = {
            "select, all rules, explain and page": [
                "select", made, *rules, "--best-of-caption", "1", "--top", top, "--name", "best", "--explain",
            ],
            "select by facility location, explain and page": [
                "select", made, *rules, "--top", top, "--name", "diverse", "--explain",
                "--set", "diversity.by=facility-location",
            ],
            "compare: table, intervals, map, page": ["compare", f"real={real}", f"made={made}", "--out", out],
        }  # fmt: skip
        print(f"{arguments.rows:,} rows a store, embeddings of width {arguments.width}\n", flush=True)
        found = {name: timed(command) for name, command in runs.items()}
    print("\n| command | seconds | processor seconds | peak MiB |\n| --- | --- | --- | --- |")
    for name, (seconds, busy, memory) in found.items():
        print(f"| {name} | {seconds:.1f} | {busy:.1f} | {memory:.0f} |")


if __name__ == "__main__":
    main()
