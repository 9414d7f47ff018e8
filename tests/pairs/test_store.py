from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.dataset
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pairsmith.errors import InputError
from pairsmith.pairs import Pair, PairStore, PairWriter, decode_image, make_schema
from pairsmith.pairs.schema import table_to_pairs
from tests.pairs.rows import NUM_TOKENS, folder_bytes, make_pair, make_pairs, picture

# 5, 6 and 90 are not "ok", so positions and row numbers differ.
STATUSES = {5: "filtered", 6: "failed", 90: "failed"}
ROWS = [
    replace(pair, status=STATUSES.get(number, "ok"), reason="why" if number in STATUSES else "")
    for number, pair in enumerate(make_pairs(100))
]
OK = [pair for pair in ROWS if pair.status == "ok"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    PairStore.write(folder, ROWS, settings={"a": 1}, shard_rows=40, num_tokens=NUM_TOKENS, inputs={"x": "y"})
    return folder


@pytest.fixture
def store(folder: Path) -> PairStore:
    return PairStore(folder)


def test_positions_count_the_ok_rows(store: PairStore) -> None:
    assert len(store) == 97
    assert store.counts() == {"ok": 97, "filtered": 1, "failed": 2}
    assert store.ids() == [pair.id for pair in OK]
    assert [store.pair(at) for at in (0, 5, 96)] == [OK[0], OK[5], OK[96]]
    assert store.positions([OK[88].id, OK[5].id]).tolist() == [88, 5]
    assert store.column("caption").to_pylist() == [pair.caption for pair in OK]


def test_rows_of_any_status_are_reached(store: PairStore) -> None:
    assert list(store.iter_pairs()) == OK
    assert list(store.iter_pairs(status=None)) == ROWS
    assert list(store.iter_pairs(status="failed")) == [ROWS[6], ROWS[90]]
    assert table_to_pairs(store.table(status="filtered")) == [ROWS[5]]
    assert table_to_pairs(store.table(status=None)) == ROWS
    assert store.ids("failed") == [ROWS[6].id, ROWS[90].id]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(indices=st.lists(st.integers(0, 96), max_size=30))
def test_take_gives_the_rows_in_the_order_asked_for(store: PairStore, indices: list[int]) -> None:
    table = store.take(indices)
    assert table.schema == store.schema
    assert table_to_pairs(table) == [OK[at] for at in indices]


def test_take_refuses_positions_that_do_not_exist(store: PairStore) -> None:
    for wrong in ([97], [-1], [3, 1000]):
        with pytest.raises(InputError, match=r"has the positions 0..96"):
            store.take(wrong)


def test_take_reads_no_more_than_the_row_groups_concerned(store: PairStore, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.parquet as pq

    len(store)
    read: list[int] = []
    original = pq.ParquetFile.read_row_group

    def counted(self: pq.ParquetFile, group: int, **options: object) -> object:
        read.append(group)
        return original(self, group, **options)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", counted)
    store.take([0, 3, 1, 0, 96], ["image"])
    assert len(read) == 2


def test_chosen_columns_come_with_the_id_and_the_caption(store: PairStore) -> None:
    first = next(store.iter_pairs(["tokens"]))
    assert first == Pair(id=OK[0].id, caption=OK[0].caption, tokens=OK[0].tokens)
    assert store.take([3], ["seed", "id"]).to_pylist() == [{"seed": OK[3].seed, "id": OK[3].id}]
    assert store.table(["caption"]).column_names == ["caption"]
    for read in (store.take, store.table):
        with pytest.raises(InputError, match="no column 'colour'"):
            read([0], ["colour"]) if read == store.take else read(["colour"])


def test_tokens_are_one_matrix_of_the_ok_rows(store: PairStore) -> None:
    matrix = store.column_matrix("tokens")
    assert matrix.dtype == np.uint16
    assert matrix.shape == (97, NUM_TOKENS)
    assert np.array_equal(matrix, np.stack([pair.tokens for pair in OK]))
    assert store.column_matrix("tokens") is matrix
    with pytest.raises(ValueError, match="read-only"):
        matrix[0, 0] = 1


@pytest.mark.parametrize("num_tokens", [NUM_TOKENS, None])
def test_the_matrix_of_one_shard_is_a_view(tmp_path: Path, num_tokens: int | None) -> None:
    store = PairStore.write(tmp_path, make_pairs(50, images=False), settings={}, num_tokens=num_tokens)
    matrix = store.column_matrix("tokens")
    assert not matrix.flags.owndata
    assert np.array_equal(matrix[49], make_pair(49).tokens)


def test_a_matrix_needs_equal_lengths_everywhere(tmp_path: Path) -> None:
    pairs = make_pairs(3)
    gap = PairStore.write(tmp_path / "a", [*pairs, make_pair(9, tokens=False)], settings={}, num_tokens=NUM_TOKENS)
    with pytest.raises(InputError, match="'tokens' is empty in 1 of 4 rows"):
        gap.column_matrix("tokens")
    uneven = PairStore.write(tmp_path / "b", [*pairs, replace(pairs[0], tokens=np.arange(2))], settings={})
    with pytest.raises(InputError, match="different lengths"):
        uneven.column_matrix("tokens")


def test_an_empty_store_works(tmp_path: Path) -> None:
    store = PairStore.write(tmp_path, [], settings={}, num_tokens=4)
    assert len(store) == 0
    assert store.table().schema == make_schema(4)
    assert list(store.iter_pairs()) == []
    assert store.column_matrix("tokens").shape[0] == 0
    assert store.take([]).num_rows == 0


def test_writing_goes_on_where_it_stopped(tmp_path: Path) -> None:
    def stopping() -> Iterator[Pair]:
        yield from ROWS[:70]
        raise KeyboardInterrupt

    options = {"settings": {"a": 1}, "shard_rows": 20, "num_tokens": NUM_TOKENS}
    with pytest.raises(KeyboardInterrupt):
        PairStore.write(tmp_path / "a", stopping(), **options)
    assert len(PairStore(tmp_path / "a", partial=True).manifest.shards) == 3
    PairStore.write(tmp_path / "a", ROWS, **options)
    PairStore.write(tmp_path / "b", ROWS, **options)
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")

    def untouched() -> Iterator[Pair]:
        raise AssertionError("a finished store needs no rows")
        yield

    assert len(PairStore.write(tmp_path / "a", untouched(), **options)) == 97
    with pytest.raises(InputError, match=r"layout\.shard_rows"):
        PairStore.write(tmp_path / "a", ROWS, **(options | {"shard_rows": 10}))


def test_fewer_rows_than_last_time_are_refused(tmp_path: Path) -> None:
    with PairWriter(tmp_path, settings={}, layout={"shard_rows": 10}) as writer:
        writer.write_shard(2, make_pairs(3))
    with pytest.raises(InputError, match="has a shard 2, but only 1 shards"):
        PairStore.write(tmp_path, make_pairs(5), settings={}, shard_rows=10)


def test_an_unfinished_store_opens_only_on_request(tmp_path: Path) -> None:
    with PairWriter(tmp_path, settings={}) as writer:
        writer.write_shard(3, make_pairs(4))
    with pytest.raises(InputError, match="unfinished"):
        PairStore(tmp_path)
    assert len(PairStore(tmp_path, partial=True)) == 4


def test_torn_and_missing_shards_are_noticed_at_opening(tmp_path: Path) -> None:
    PairStore.write(tmp_path, make_pairs(10), settings={}, shard_rows=5)
    path = tmp_path / "part-00001.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"part-00001.parquet is torn .*pairsmith repair"):
        PairStore(tmp_path)
    path.unlink()
    with pytest.raises(InputError, match=r"part-00001.parquet is missing.*pairsmith repair"):
        PairStore(tmp_path)


def test_the_fingerprint_follows_rows_and_settings(tmp_path: Path, store: PairStore) -> None:
    def again(name: str, rows: list[Pair], a: int) -> str:
        options = {"shard_rows": 40, "num_tokens": NUM_TOKENS, "inputs": {"x": "y"}}
        return PairStore.write(tmp_path / name, rows, settings={"a": a}, **options).fingerprint

    assert again("same", ROWS, 1) == store.fingerprint
    assert len({again("settings", ROWS, 2), again("rows", ROWS[:-1], 1), store.fingerprint}) == 3


def test_ids_that_repeat_or_are_unknown_are_named(tmp_path: Path, store: PairStore) -> None:
    with pytest.raises(InputError, match="no pair with the id nobody"):
        store.positions(["nobody"])
    with pytest.raises(InputError, match=ROWS[6].id):
        store.positions([ROWS[6].id])
    double = PairStore.write(tmp_path, [*make_pairs(3), make_pair(1)], settings={})
    with pytest.raises(InputError, match=f"{make_pair(1).id} stands for more than one row"):
        double.positions([])


def test_a_store_can_be_pickled(store: PairStore) -> None:
    len(store)
    assert pickle.loads(pickle.dumps(store)).pair(96) == OK[96]


def test_pandas_arrow_and_duckdb_open_the_shards(folder: Path) -> None:
    files = sorted(str(path) for path in folder.glob("part-*.parquet"))
    assert pyarrow.dataset.dataset(files).count_rows() == 100
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_parquet(files)
    assert frame["image"][7]["bytes"] == ROWS[7].image
    assert frame["tokens"][7].tolist() == ROWS[7].tokens.tolist()
    duckdb = pytest.importorskip("duckdb")
    query = f"SELECT count(*), sum(octet_length(image.bytes)), max(tokens[1]) FROM '{folder}/part-*.parquet'"
    assert duckdb.sql(query).fetchall() == [(100, sum(len(pair.image) for pair in ROWS), 99)]


def test_datasets_opens_the_folder_with_decoded_pictures(folder: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    (folder / "scores").mkdir(exist_ok=True)
    (folder / "scores" / "clip.parquet").write_bytes((folder / "part-00000.parquet").read_bytes())
    options = {"split": "train", "cache_dir": str(tmp_path)}
    for rows in (
        datasets.load_dataset(str(folder), **options),
        datasets.load_dataset("parquet", data_files=f"{folder}/part-*.parquet", **options),
    ):
        assert len(rows) == 100
        assert np.array_equal(np.asarray(rows[7]["image"]), np.asarray(picture(7)))
        assert rows[7]["tokens"] == ROWS[7].tokens.tolist()


def test_pictures_come_back_as_they_were(store: PairStore) -> None:
    assert np.array_equal(np.asarray(decode_image(store.pair(3).image)), np.asarray(picture(3)))
