"""Stores made of stores, and leftovers cleared away, by their commands."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest

from pairsmith.pairs import PairStore
from pairsmith.pairs.scores import write_scores
from tests.cli.test_errors import only_sentence
from tests.pairs.rows import make_pairs


@pytest.fixture
def store(tmp_path):
    """30 rows with a score."""
    store = PairStore.write(tmp_path / "store", make_pairs(30), settings={"a": 1}, shard_rows=10)
    write_scores(store, "clip", store.ids(), np.arange(30.0), {})
    return store.folder


def test_split_and_merge_again(pairsmith, store, tmp_path):
    parts = ("--part", "train=0.7", "--part", "test=0.3", "--out", tmp_path / "parts")
    told = pairsmith("split", store, *parts).stdout
    assert told.count("rows ok") == 2
    assert pairsmith("split", store, *parts).stdout == told
    train, test = tmp_path / "parts" / "train", tmp_path / "parts" / "test"
    made = pairsmith("merge", train, test, "--out", tmp_path / "again")
    assert made.stdout == f"{tmp_path}/again: 30 rows ok\n"
    assert set(PairStore(tmp_path / "again").ids()) == set(PairStore(store).ids())
    assert "occurs twice" in only_sentence(pairsmith("merge", store, train, "--out", tmp_path / "twice"))
    made = pairsmith("merge", store, test, "--out", tmp_path / "first", "--duplicates", "first")
    assert made.stdout.endswith(f"30 rows ok, {len(PairStore(test))} rows of repeated ids left out\n")


def test_sample_and_join(pairsmith, store, tmp_path):
    assert pairsmith("sample", store, "--rows", 12, "--out", tmp_path / "few").stdout.endswith("few: 12 rows ok\n")
    joined = pairsmith("join", tmp_path / "few", "--score", "clip", "--out", tmp_path / "joined")
    assert joined.stdout.endswith("joined: 12 rows ok\n")
    assert pq.read_table(tmp_path / "joined" / "part-00000.parquet").column("score_clip").null_count == 0


@pytest.mark.parametrize("part", ["train", "train=much", "train=0.5=0.5"])
def test_parts_that_cannot_be_read(pairsmith, store, tmp_path, part):
    assert "is not of the form train=0.9" in only_sentence(pairsmith("split", store, "--part", part, "--out", tmp_path))


def test_gc_shows_before_it_removes(pairsmith, store):
    left = store / "part-00001.parquet.tmp-12"
    left.write_bytes(b"half")
    shown = pairsmith("gc", store).stdout
    assert shown == f"{left}: temporary, 4 B\n1 file, 4 B: run again with --delete to remove them\n"
    assert left.exists()
    assert pairsmith("gc", store, "--delete").stdout.endswith("1 file, 4 B: removed\n")
    assert not left.exists()
    assert pairsmith("gc", store).stdout == f"{store}: nothing to remove\n"
    part = store / "scores" / ".clip" / "part-00000.parquet"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"part")
    assert "--delete --unfinished" in pairsmith("gc", store).stdout
    assert pairsmith("gc", store, "--delete").stdout == f"{store}: nothing to remove\n"
    assert part.exists()
    assert "give both" in pairsmith("gc", store, "--unfinished").stderr
    assert pairsmith("gc", store, "--delete", "--unfinished").stdout.endswith("1 file, 4 B: removed\n")
    assert not part.exists()
