from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath

import fsspec
import pytest

from pairsmith.errors import InputError, PairsmithError
from pairsmith.execution import Rank, RowFactory
from pairsmith.pairs import Pair, PairStore
from pairsmith.pairs.outcome import NothingMade
from pairsmith.pairs.verify import repair, verify
from tests.execution.stages import (
    BAD,
    ITEMS,
    build_broken,
    build_failing_while,
    build_noting,
    describe,
    make_row,
    make_rows,
    run,
)
from tests.pairs.rows import folder_bytes, make_pairs


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The bytes of the store of an uninterrupted run of one worker."""
    folder = tmp_path_factory.mktemp("whole")
    run(folder)
    return folder_bytes(folder)


def test_every_item_has_a_row_in_its_place(tmp_path: Path) -> None:
    rows = list(run(tmp_path).iter_pairs(status=None))
    assert [row.caption for row in rows] == ITEMS
    assert [row.caption for row in rows if row.status == "failed"] == sorted(BAD, key=ITEMS.index)
    assert [row for row in rows if row.status == "ok"] == make_rows([item for item in ITEMS if item not in BAD])
    assert {row.reason for row in rows} == {"", *(f"ValueError: no picture of {caption}" for caption in BAD)}
    assert len({row.id for row in rows}) == len(ITEMS)
    assert [shard.rows for shard in PairStore(tmp_path).manifest.shards] == [10, 10, 3]


@pytest.mark.parametrize("batch_rows", [1, 3, 10, 100])
def test_the_batch_size_changes_nothing(tmp_path: Path, whole: dict[str, str], batch_rows: int) -> None:
    run(tmp_path, batch_rows=batch_rows)
    assert folder_bytes(tmp_path) == whole


def test_four_workers_make_the_bytes_of_one(tmp_path: Path, whole: dict[str, str]) -> None:
    run(tmp_path, workers=4)
    assert folder_bytes(tmp_path) == whole


def test_rows_do_not_depend_on_the_shard_size(tmp_path: Path) -> None:
    assert list(run(tmp_path / "a", shard_rows=7).iter_pairs(status=None)) == list(
        run(tmp_path / "b", shard_rows=23).iter_pairs(status=None)
    )


def test_a_finished_store_is_opened_without_work(tmp_path: Path, whole: dict[str, str]) -> None:
    run(tmp_path)
    store = run(tmp_path, make_rows=RowFactory(build_broken))
    assert len(store) == len(ITEMS) - len(BAD)
    assert folder_bytes(tmp_path) == whole


def test_ctrl_c_keeps_finished_shards_and_only_the_rest_is_made(tmp_path: Path, whole: dict[str, str]) -> None:
    made: list[str] = []

    def stopping(captions: Sequence[str]) -> list[Pair]:
        if "caption 14" in captions:
            raise KeyboardInterrupt
        return make_rows(captions)

    def noting(captions: Sequence[str]) -> list[Pair]:
        made.extend(captions)
        return make_rows(captions)

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, make_rows=stopping)
    assert len(PairStore(tmp_path, partial=True).manifest.shards) == 1
    run(tmp_path, make_rows=noting)
    assert set(made) == set(ITEMS[10:])
    assert folder_bytes(tmp_path) == whole


def test_progress_tells_rows_done_of_all_and_failed(tmp_path: Path) -> None:
    told: list[tuple[int, int, int]] = []

    def stopping(captions: Sequence[str]) -> list[Pair]:
        if "caption 22" in captions:
            raise KeyboardInterrupt
        return make_rows(captions)

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, make_rows=stopping, progress=lambda *numbers: told.append(numbers))
    assert told == [(0, 23, 0), (4, 23, 0), (8, 23, 1), (10, 23, 1), (14, 23, 3), (18, 23, 3), (20, 23, 3)]
    told.clear()
    run(tmp_path, progress=lambda *numbers: told.append(numbers))
    assert told == [(20, 23, 3), (23, 23, 3)]


def test_other_settings_inputs_items_and_sizes_are_refused(tmp_path: Path) -> None:
    run(tmp_path)
    for changes, words in (
        ({"settings": {"steps": 5}}, r"steps \(was 4, now 5\)"),
        ({"inputs": {"captions": "other"}}, r"inputs\.captions"),
        ({"items": ITEMS[:-1]}, r"layout\.items \(was 23, now 22\)"),
        ({"shard_rows": 5}, r"layout\.shard_rows"),
    ):
        with pytest.raises(InputError, match=words):
            run(tmp_path, **changes)


def test_sizes_below_one_are_refused(tmp_path: Path) -> None:
    for name in ("shard_rows", "batch_rows", "workers"):
        with pytest.raises(InputError, match=f"{name} must be at least 1"):
            run(tmp_path, **{name: 0})


def test_failed_rows_can_bear_the_id_that_they_would_have_had(tmp_path: Path) -> None:
    store = run(tmp_path, describe=describe)
    failed = list(store.iter_pairs(status="failed"))
    assert [row.id for row in failed] == [describe(row.caption).id for row in failed]
    assert [row.image for row in failed] == [None] * 3


def test_a_pair_that_fails_keeps_its_caption_and_id(tmp_path: Path) -> None:
    def broken(pairs: Sequence[Pair]) -> list[Pair]:
        raise InputError("the image is torn")

    items = make_pairs(3)
    rows = list(run(tmp_path, items=items, make_rows=broken, drafts=True).iter_pairs(status="failed"))
    assert [(row.id, row.caption, row.group) for row in rows] == [(row.id, row.caption, row.group) for row in items]
    assert {row.reason for row in rows} == {"the image is torn"}
    assert {(row.image, row.tokens) for row in rows} == {(None, None)}


def test_a_stage_of_which_every_row_fails_is_finished_and_says_so_every_time(tmp_path: Path) -> None:
    calls = []

    def broken(items: Sequence[str]) -> list[Pair]:
        calls.append(items)
        raise InputError("no such picture")

    for _ in range(2):
        with pytest.raises(NothingMade, match=r"none of its 3 rows can be used \(3 failed\): no such picture \(3\)"):
            run(tmp_path, items=ITEMS[:3], make_rows=broken)
        assert len(calls) <= 1 + 3  # the batch, and its rows one by one; the second call finds the finished store
    assert PairStore(tmp_path).counts()["failed"] == 3
    repair(tmp_path, retry_failed=True)
    assert len(run(tmp_path, items=ITEMS[:3])) > 0


def test_a_number_of_items_stands_for_their_numbers(tmp_path: Path) -> None:
    store = run(tmp_path, items=8, make_rows=lambda numbers: [make_row(f"caption {number}") for number in numbers])
    assert store.counts() == {"ok": 7, "filtered": 0, "failed": 1}


def test_no_items_make_an_empty_store(tmp_path: Path) -> None:
    assert len(run(tmp_path, items=[])) == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_a_wrong_number_of_rows_stops_the_stage(tmp_path: Path, workers: int) -> None:
    with pytest.raises(PairsmithError, match="3 rows were made of 4 items"):
        run(tmp_path, make_rows=_drop_one, workers=workers)


def _drop_one(captions: Sequence[str]) -> list[Pair]:
    return [Pair(id=caption, caption=caption) for caption in captions[1:]]


def test_a_factory_builds_once_in_every_process_that_works(tmp_path: Path, whole: dict[str, str]) -> None:
    for workers in (1, 2):
        notes = tmp_path / f"notes{workers}"
        notes.mkdir()
        run(tmp_path / f"out{workers}", make_rows=RowFactory(partial(build_noting, notes)), workers=workers)
        # A quick worker may have made everything before the second one was there.
        assert 1 <= len(list(notes.iterdir())) <= workers
        assert (notes / str(os.getpid())).exists() == (workers == 1)
        assert folder_bytes(tmp_path / f"out{workers}") == whole


@pytest.mark.parametrize("workers", [1, 2])
def test_a_model_that_cannot_be_loaded_is_told_as_it_is(tmp_path: Path, workers: int) -> None:
    with pytest.raises(FileNotFoundError, match="the model's folder is missing"):
        run(tmp_path, make_rows=RowFactory(build_broken), workers=workers)


def test_work_that_cannot_be_sent_to_workers_is_explained(tmp_path: Path) -> None:
    with pytest.raises(PairsmithError, match="functions of a module"):
        run(tmp_path, make_rows=lambda captions: [], workers=2)


# === Object storage ===


@pytest.fixture
def address() -> str:
    return f"memory://bucket-{uuid.uuid4().hex}/store"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_stage_makes_the_same_bytes_at_an_address(tmp_path: Path, address: str, workers: int) -> None:
    run(tmp_path)
    run(Path(address), workers=workers)  # as commands hand it over
    system, place = fsspec.core.url_to_fs(address)
    made = {PurePosixPath(name).name: system.cat_file(name) for name in system.find(place)}
    assert made == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


def test_failed_rows_at_an_address_are_made_again(tmp_path: Path, address: str) -> None:
    flag = tmp_path / "away"
    flag.touch()
    failing = RowFactory(partial(build_failing_while, flag))
    assert run(Path(address), make_rows=failing).counts()["failed"] == 5
    flag.unlink()
    assert run(Path(address), make_rows=failing, execution={"retry_failed": True}).counts()["failed"] == 3
    assert verify(address).problems == ()


def test_what_needs_locks_or_a_shared_disk_is_refused_at_an_address(address: str) -> None:
    with pytest.raises(InputError, match=r"memory://.*object storage has no locks, which ranks need"):
        run(Path(address), execution={"rank": Rank(0, 2)})
    with pytest.raises(InputError, match="Ray's workers hand shards over on a disk"):
        run(Path(address), execution={"executor": "ray"})
