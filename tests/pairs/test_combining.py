from __future__ import annotations

import multiprocessing
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pairsmith.errors import InputError
from pairsmith.pairs import Pair, PairStore
from pairsmith.pairs.atomic import CRASH_VARIABLE
from pairsmith.pairs.combining import merge_stores, sample_store, split_store
from pairsmith.pairs.scores import (
    Selection,
    read_embeddings,
    read_scores,
    read_selection,
    sidecar_names,
    write_embeddings,
    write_scores,
    write_selection,
)
from pairsmith.pairs.verify import verify
from tests.pairs.rows import folder_bytes, make_pair, make_pairs


def write(folder: Path, pairs: list[Pair], shard_rows: int = 7) -> PairStore:
    return PairStore.write(folder, pairs, settings={"from": folder.name}, shard_rows=shard_rows)


@pytest.fixture
def stores(tmp_path: Path) -> list[PairStore]:
    """Rows 0 to 19 and 20 to 31; row 3 failed."""
    rows = make_pairs(32)
    rows[3] = replace(rows[3], status="failed", reason="broken", image=None)
    return [write(tmp_path / "a", rows[:20]), write(tmp_path / "b", rows[20:])]


def everything(store: PairStore) -> list[Pair]:
    return list(store.iter_pairs(status=None))


def folders(stores: list[PairStore]) -> list[Path]:
    return [store.folder for store in stores]


def test_a_merge_has_all_rows_in_order_with_every_column(stores: list[PairStore], tmp_path: Path) -> None:
    done: list[tuple[int, int]] = []
    made = merge_stores(folders(stores), tmp_path / "out", shard_rows=9, progress=lambda *at: done.append(at))
    assert made.duplicates == 0
    assert everything(made.store) == everything(stores[0]) + everything(stores[1])
    assert made.store.counts() == {"ok": 31, "filtered": 0, "failed": 1}
    assert [entry.rows for entry in made.store.manifest.shards] == [9, 9, 9, 5]
    assert done == [(9, 32), (18, 32), (27, 32), (32, 32)]
    assert verify(tmp_path / "out").problems == ()
    assert set(made.store.manifest.inputs.values()) == {store.fingerprint for store in stores}


def test_a_finished_merge_returns_at_once_and_equal_merges_have_equal_bytes(
    stores: list[PairStore], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        merge_stores(folders(stores), tmp_path / name)
    assert folder_bytes(tmp_path / "one") == folder_bytes(tmp_path / "two")
    monkeypatch.setattr(PairStore, "take_rows", lambda *_: pytest.fail("rows were read again"))
    merge_stores(folders(stores), tmp_path / "one")


def test_repeated_ids_are_refused_or_dropped_and_counted(stores: list[PairStore], tmp_path: Path) -> None:
    again = write(tmp_path / "c", [make_pair(25), make_pair(40), make_pair(1)])
    sources = [*folders(stores), again.folder]
    with pytest.raises(InputError, match=rf"the id {make_pair(25).id} occurs twice.*--duplicates first"):
        merge_stores(sources, tmp_path / "out")
    made = merge_stores(sources, tmp_path / "out", duplicates="first")
    assert made.duplicates == 2
    assert everything(made.store) == [*everything(stores[0]), *everything(stores[1]), make_pair(40)]
    assert merge_stores(sources, tmp_path / "out", duplicates="first").duplicates == 2  # also when it is finished


def test_stores_that_do_not_fit_are_refused_by_what_differs(stores: list[PairStore], tmp_path: Path) -> None:
    other = PairStore.write(tmp_path / "c", make_pairs(3), settings={}, num_tokens=6)
    with pytest.raises(InputError, match=r"c does not fit .*a: num_tokens is 6 there and None here"):
        merge_stores([stores[0].folder, other.folder], tmp_path / "out")
    with pytest.raises(InputError, match="nothing to merge"):
        merge_stores([], tmp_path / "out")


def describe(store: PairStore, start: float) -> None:
    ids = store.ids()
    write_scores(store, "clip", ids, np.arange(len(ids)) + start, {"model": "x"})
    write_embeddings(store, "dino", ids, np.arange(len(ids) * 2).reshape(-1, 2) + start, {})
    write_scores(store, "near-duplicate", ids, np.ones(len(ids)), {}, twins=ids)
    write_selection(store, "best", Selection(ids[::-1], np.arange(len(ids)), {"top": 1}))


def test_scores_come_along_where_they_stay_true(stores: list[PairStore], tmp_path: Path) -> None:
    for start, store in enumerate(stores):
        describe(store, 100.0 * start)
    made = merge_stores(folders(stores), tmp_path / "merged").store
    assert sidecar_names(made) == ["clip"]  # near duplicates are a matter of all rows
    assert read_scores(made, "clip").tolist() == [*range(19), *range(100, 112)]
    assert read_embeddings(made, "dino")[19].tolist() == [100.0, 101.0]
    sampled = sample_store(tmp_path / "a", tmp_path / "sample", 5)
    places = stores[0].positions(sampled.ids())
    assert read_scores(sampled, "clip").tolist() == places.tolist()
    best = read_selection(sampled, "best")
    assert best.ids == sampled.ids()[::-1]
    assert best.settings == {"top": 1}


def test_scores_of_other_settings_under_one_name_are_refused_before_any_copy(
    stores: list[PairStore], tmp_path: Path
) -> None:
    for model, store in zip("xy", stores, strict=True):
        write_scores(store, "clip", store.ids(), np.zeros(len(store)), {"model": model})
    with pytest.raises(InputError, match=r"scores named 'clip' differ .* in model \(was 'x', now 'y'\)"):
        merge_stores(folders(stores), tmp_path / "out")
    assert not list((tmp_path / "out").glob("part-*"))


def test_a_split_gives_every_row_to_one_part_and_keeps_groups_whole(tmp_path: Path) -> None:
    store = write(tmp_path / "a", make_pairs(400, images=False), 50)
    made = split_store(store.folder, tmp_path / "parts", {"train": 0.8, "test": 0.2})
    ids = {name: set(part.ids()) for name, part in made.items()}
    assert ids["train"] | ids["test"] == set(store.ids())
    assert not ids["train"] & ids["test"]
    groups = [{pair.group for pair in part.iter_pairs(["group"])} for part in made.values()]
    assert not groups[0] & groups[1]
    assert 40 < len(ids["test"]) < 120  # 80, within five standard deviations
    other = split_store(store.folder, tmp_path / "other", {"train": 0.8, "test": 0.2}, seed=1)
    assert set(other["test"].ids()) != ids["test"]


def test_a_store_that_grows_keeps_the_parts_of_its_rows(tmp_path: Path) -> None:
    parts = {"train": 0.5, "test": 0.5}
    small = split_store(write(tmp_path / "a", make_pairs(40)).folder, tmp_path / "x", parts)
    large = split_store(write(tmp_path / "b", make_pairs(60)).folder, tmp_path / "y", parts)
    for name in parts:
        assert set(small[name].ids()) < set(large[name].ids())


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"train": 0.8, "test": 0.3}, "add up to 1"),
        ({"train": 1.0, "test": 0.0}, "above 0"),
        ({}, "add up to 1"),
        ({"train": float("nan"), "test": 0.5}, "add up to 1, not train=nan, test=0.5"),
        ({"../x": 1.0}, "it names a folder"),
        ({"most": 0.999999, "rest": 0.000001}, "'rest' of 1e-06 has no rows"),
    ],
)
def test_splits_that_cannot_be_are_refused(tmp_path: Path, parts: dict[str, float], words: str) -> None:
    store = write(tmp_path / "a", make_pairs(6))
    with pytest.raises(InputError, match=words):
        split_store(store.folder, tmp_path / "out", parts)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_store_is_not_made_of_itself(stores: list[PairStore], tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(stores[0].folder)
    for out in (stores[0].folder, tmp_path / "link"):
        with pytest.raises(InputError, match="is one of the stores that are read: give a new folder"):
            merge_stores([store.folder for store in stores], out)
        with pytest.raises(InputError, match="is one of the stores that are read"):
            sample_store(stores[0].folder, out, 5)


def test_samples_nest_and_depend_on_the_seed(stores: list[PairStore], tmp_path: Path) -> None:
    small, large = (sample_store(tmp_path / "a", tmp_path / f"s{rows}", rows) for rows in (5, 12))
    assert set(small.ids()) < set(large.ids()) < set(stores[0].ids())
    assert small.positions(small.ids()).tolist() == list(range(5))
    assert stores[0].positions(small.ids()).tolist() == sorted(stores[0].positions(small.ids()))
    assert set(sample_store(tmp_path / "a", tmp_path / "other", 5, seed=1).ids()) != set(small.ids())
    with pytest.raises(InputError, match="has 19 rows of status ok: a sample takes 1 to that many, not 20"):
        sample_store(tmp_path / "a", tmp_path / "more", 20)


def merge_until_crash(sources: list[Path], out: Path, crash_at: str) -> None:
    os.environ[CRASH_VARIABLE] = crash_at
    merge_stores(sources, out, shard_rows=9)


@pytest.mark.parametrize("crash_at", ["rows-made:1", "temporary-written:2", "renamed:3", "manifest-written:5"])
def test_a_killed_merge_goes_on_to_the_same_bytes(stores: list[PairStore], tmp_path: Path, crash_at: str) -> None:
    for store in stores:
        write_scores(store, "clip", store.ids(), np.arange(len(store)), {})
    merge_stores(folders(stores), tmp_path / "whole", shard_rows=9)
    process = multiprocessing.get_context("forkserver").Process(
        target=merge_until_crash, args=(folders(stores), tmp_path / "killed", crash_at)
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    merge_stores(folders(stores), tmp_path / "killed", shard_rows=9)
    assert folder_bytes(tmp_path / "killed") == folder_bytes(tmp_path / "whole")
