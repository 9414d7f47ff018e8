"""A pair store at a million token rows: written, verified, scored, selected, fed, beside WebDataset on the same rows.

Run with: python benchmarks/bench_store.py OUT [--rows 1000000] [--tokens 256]

Rows are uniformly random tokens of a codebook of 8,192 (no real tokens compress less) with captions of eleven words.
The feed's batches are drawn at random from all rows; WebDataset reads its shards in order through a shuffle buffer of
1,000 samples, in this process, and parses the same two fields. Both give batches of tokens [B, N] and B captions.

The cheap score is the number of different tokens of a row, read shard by shard and written as a sidecar; the selection
is the best tenth by it above a threshold, read back and fed. What is printed besides: bytes a row, and the peak of
resident memory after each part. The program ends with an error if that passes 2 GiB.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import itertools
import resource
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import webdataset

from pairsmith.curation.selection import SelectionSettings, select_pairs
from pairsmith.pairs import Pair, PairStore
from pairsmith.pairs.feed import Feed, PairSource
from pairsmith.pairs.scores import write_scores, write_selection
from pairsmith.pairs.verify import verify

CODEBOOK = 8192
SHARD_ROWS = 10_000
BATCH = 1024
_TEXT = "the red dog runs on grass near a tall house with two people under blue sky by old bridge as small bird looks"
_WORDS = np.array(_TEXT.split(" "))


def rows(count: int, tokens: int) -> Iterator[Pair]:
    """The benchmark's rows, the same every time."""
    random = np.random.default_rng(0)
    for first in range(0, count, 1000):
        codes = random.integers(0, CODEBOOK, (1000, tokens), dtype=np.uint16)
        texts = _WORDS[random.integers(0, len(_WORDS), (1000, 11))]
        for at in range(min(1000, count - first)):
            key = hashlib.sha256(str(first + at).encode()).hexdigest()
            yield Pair(
                id=key[:32],
                group=key[32:],
                caption=" ".join(texts[at]),
                tokens=codes[at],
                generator="masked",
                settings='{"steps":24,"guidance":2.0}',
            )


def write_tars(store: PairStore, folder: Path, count: int) -> list[str]:
    """The first `count` rows as WebDataset shards, with tokens as .npy and captions as .txt."""
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    pairs = itertools.islice(store.iter_pairs(["id", "caption", "tokens"]), count)
    for index, batch in enumerate(_cut(pairs)):
        name = folder / f"{index:05d}.tar"
        with tarfile.open(name, "w") as tar:
            for pair in batch:
                buffer = io.BytesIO()
                np.save(buffer, pair.tokens)
                for ending, data in (("npy", buffer.getvalue()), ("txt", pair.caption.encode())):
                    entry = tarfile.TarInfo(f"{pair.id}.{ending}")
                    entry.size = len(data)
                    tar.addfile(entry, io.BytesIO(data))
        names.append(str(name))
    return names


def _cut(pairs: Iterator[Pair]) -> Iterator[list[Pair]]:
    while batch := list(itertools.islice(pairs, SHARD_ROWS)):
        yield batch


def feed_rate(feed: Feed, seconds: float) -> float:
    """Rows a second over the feed's random batches."""
    started, step = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        step += 1
        feed.batch(step)
    return step * BATCH / (time.perf_counter() - started)


def webdataset_rate(names: list[str], count: int) -> float:
    """Rows a second over one pass of WebDataset."""
    data = (
        webdataset.WebDataset(names, shardshuffle=False, empty_check=False)
        .shuffle(1000)
        .decode()
        .to_tuple("npy", "txt")
        .batched(BATCH, partial=True)
    )
    started = time.perf_counter()
    seen = sum(len(captions) for _, captions in data)
    assert seen == count
    return seen / (time.perf_counter() - started)


def score(folder: Path, tokens: int) -> None:
    """A score from the stored columns alone."""
    store = PairStore(folder)
    values = []
    for table in store.shard_tables(["tokens"]):
        codes = table.column("tokens").combine_chunks().flatten().to_numpy().reshape(len(table), tokens)  # [n, N]
        ordered = np.sort(codes, axis=1)
        values.append(1 + (ordered[:, 1:] != ordered[:, :-1]).sum(axis=1))
    write_scores(store, "different_tokens", store.ids(), np.concatenate(values), {"benchmark": "store"})


def select(folder: Path) -> None:
    """The best tenth by the score."""
    store = PairStore(folder)
    settings = SelectionSettings(by="different_tokens", thresholds=("different_tokens > 2",), fraction=0.1)
    write_selection(store, "best", select_pairs(store, settings).selection)


def feed_selection(folder: Path, count: int) -> None:
    """The first batch of the selected rows."""
    feed = Feed(PairSource.of_selection(PairStore(folder), ["tokens", "caption"], "best"), BATCH, seed=0)
    assert len(feed.source) == -(-count // 10)
    feed.batch(0)


def _peak() -> str:
    return f"peak {_peak_bytes() / 2**30:.2f} GiB"


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="an empty folder")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--peer-rows", type=int, default=50_000, help="rows that WebDataset reads")
    arguments = parser.parse_args()
    count = arguments.rows
    folder = arguments.out / "store"

    started = time.perf_counter()
    PairStore.write(
        folder,
        rows(count, arguments.tokens),
        settings={"benchmark": "store"},
        shard_rows=SHARD_ROWS,
        num_tokens=arguments.tokens,
        tokenizer="random",
    )
    seconds = time.perf_counter() - started
    size = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
    print(f"write   {count / seconds:12,.0f} rows/s   {size / count:.0f} bytes a row   {_peak()}")

    started = time.perf_counter()
    report = verify(folder)
    assert report.ok
    assert report.rows == count
    print(f"verify  {count / (time.perf_counter() - started):12,.0f} rows/s   {_peak()}")

    for name, part in (
        ("score", lambda: score(folder, arguments.tokens)),
        ("select", lambda: select(folder)),
        ("batch of the selection", lambda: feed_selection(folder, count)),
    ):
        started = time.perf_counter()
        part()
        print(f"{name:7} {count / (time.perf_counter() - started):12,.0f} rows/s   {_peak()}")

    started = time.perf_counter()
    store = PairStore(folder)
    feed = Feed(PairSource(store, ["tokens", "caption"]), BATCH, seed=0)
    feed.batch(0)
    print(f"open and first batch {time.perf_counter() - started:.2f} s   {_peak()}")
    peer_rows = min(count, arguments.peer_rows)
    names = write_tars(store, arguments.out / "tars", peer_rows)
    ratios = []
    for _ in range(3):  # the two take turns, so that a slow moment of the machine hits both
        ours, theirs = feed_rate(feed, 5.0), webdataset_rate(names, peer_rows)
        ratios.append(ours / theirs)
        print(f"feed    {ours:12,.0f} rows/s   WebDataset {theirs:12,.0f} rows/s   {ours / theirs:.1f} times")
    print(f"median ratio {sorted(ratios)[1]:.1f}   {_peak()}")
    if _peak_bytes() > 2 * 2**30:
        raise SystemExit("more than 2 GiB of resident memory")


if __name__ == "__main__":
    main()
