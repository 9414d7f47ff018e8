from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairsmith.errors import InputError
from pairsmith.pairs.manifest import ShardEntry
from pairsmith.pairs.schema import make_schema, pairs_to_table, table_to_pairs
from pairsmith.pairs.shards import ShardFile, fit_table, write_shard_file
from tests.pairs.rows import NUM_TOKENS, make_pair, make_pairs


def write(folder: Path, table: pa.Table, index: int = 0) -> ShardEntry:
    return write_shard_file(folder, index, table, lambda name: None)


def column_metadata(path: Path, leaf: str) -> list[pq.ColumnChunkMetaData]:
    metadata = pq.ParquetFile(path).metadata
    return [
        chunk
        for group in range(metadata.num_row_groups)
        for at in range(metadata.num_columns)
        if (chunk := metadata.row_group(group).column(at)).path_in_schema == leaf
    ]


def test_images_lie_uncompressed_in_small_row_groups_and_the_rest_compressed(tmp_path: Path) -> None:
    entry = write(tmp_path, pairs_to_table(make_pairs(230), NUM_TOKENS))
    path = tmp_path / entry.name
    metadata = pq.ParquetFile(path).metadata
    sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
    assert max(sizes) <= 100
    assert sum(sizes) == 230 == entry.rows
    leaves = {metadata.row_group(0).column(at).path_in_schema for at in range(metadata.num_columns)}
    assert len(leaves) == 16
    for leaf in leaves:
        expected = "UNCOMPRESSED" if leaf == "image.bytes" else "ZSTD"
        assert {chunk.compression for chunk in column_metadata(path, leaf)} == {expected}, leaf


def test_without_images_row_groups_are_large(tmp_path: Path) -> None:
    entry = write(tmp_path, pairs_to_table(make_pairs(230, images=False), NUM_TOKENS))
    assert pq.ParquetFile(tmp_path / entry.name).metadata.num_row_groups == 1


def test_random_tokens_take_little_more_than_their_bits(tmp_path: Path) -> None:
    codes = np.random.default_rng(0).integers(0, 8192, (500, 256), dtype=np.uint16)  # 13 bits each
    pairs = [replace(make_pair(at), image=None, tokens=row) for at, row in enumerate(codes)]
    entry = write(tmp_path, pairs_to_table(pairs, 256))
    stored = sum(chunk.total_compressed_size for chunk in column_metadata(tmp_path / entry.name, "tokens.list.element"))
    assert stored < 1.02 * codes.size * 13 / 8


@pytest.mark.parametrize("image_bytes", [0, 100, 60_000])
def test_equal_rows_give_equal_bytes_however_they_lie_in_memory(tmp_path: Path, image_bytes: int) -> None:
    # The largest pictures make several pages a row group: their borders must not follow the chunks in memory.
    pairs = [replace(pair, image=bytes(image_bytes) or None) for pair in make_pairs(130, images=False)]
    whole = pairs_to_table(pairs, NUM_TOKENS)
    pieces = pa.concat_tables([pairs_to_table(pairs[at : at + 7], NUM_TOKENS) for at in range(0, 130, 7)])
    sliced = pairs_to_table([*make_pairs(5), *pairs], NUM_TOKENS).slice(5)
    hashes = {write(tmp_path, table).sha256 for table in (whole, pieces, sliced, whole.combine_chunks())}
    assert len(hashes) == 1


def test_what_is_written_is_read(tmp_path: Path) -> None:
    pairs = make_pairs(75)
    shard = ShardFile(tmp_path, write(tmp_path, pairs_to_table(pairs, NUM_TOKENS)))
    assert table_to_pairs(shard.read()) == pairs
    assert [pair for group in shard.groups() for pair in table_to_pairs(group)] == pairs
    assert shard.read(["seed", "id"]).column_names == ["seed", "id"]
    assert shard.read().schema == make_schema(NUM_TOKENS)


EIGHTY = make_pairs(80)


@pytest.fixture(scope="module")
def shard_of_80(tmp_path_factory: pytest.TempPathFactory) -> ShardFile:
    folder = tmp_path_factory.mktemp("shard")
    return ShardFile(folder, write(folder, pairs_to_table(EIGHTY, NUM_TOKENS)))


@settings(max_examples=30, deadline=None)
@given(rows=st.sets(st.integers(0, 79), min_size=1))
def test_any_rows_are_taken(shard_of_80: ShardFile, rows: set[int]) -> None:
    wanted = sorted(rows)
    assert table_to_pairs(shard_of_80.take(np.array(wanted))) == [EIGHTY[row] for row in wanted]


def test_a_flipped_bit_in_any_column_is_an_error_and_never_a_wrong_row(tmp_path: Path) -> None:
    entry = write(tmp_path, pairs_to_table(make_pairs(40), NUM_TOKENS))
    path = tmp_path / entry.name
    whole = path.read_bytes()
    for leaf in ("image.bytes", "caption", "tokens.list.element", "seed"):
        chunk = column_metadata(path, leaf)[0]
        damaged = bytearray(whole)
        damaged[chunk.data_page_offset + chunk.total_compressed_size - 3] ^= 4
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"part-00000.parquet is damaged.*pairsmith repair"):
            ShardFile(tmp_path, entry).read()
        path.write_bytes(whole)


def test_torn_and_missing_files_are_named_with_advice(tmp_path: Path) -> None:
    entry = write(tmp_path, pairs_to_table(make_pairs(10), NUM_TOKENS))
    path = tmp_path / entry.name
    path.write_bytes(path.read_bytes()[:-20])
    shard = ShardFile(tmp_path, entry)
    with pytest.raises(InputError, match=rf"{entry.name} is torn .*`pairsmith repair {tmp_path}`"):
        shard.check_size()
    with pytest.raises(InputError, match=r"is damaged .*`pairsmith repair"):
        shard.read()
    path.unlink()
    for read in (shard.check_size, shard.read):
        with pytest.raises(InputError, match=r"is missing: run `pairsmith repair"):
            read()


def test_tables_are_fitted_to_the_schema() -> None:
    table = pairs_to_table(make_pairs(3), None)
    shuffled = table.select(table.column_names[::-1]).append_column("more", pa.array([1, 2, 3]))
    assert fit_table(shuffled, NUM_TOKENS).schema == make_schema(NUM_TOKENS)
    assert table_to_pairs(fit_table(shuffled, NUM_TOKENS)) == make_pairs(3)
    with pytest.raises(InputError, match="lacks the columns caption, seed"):
        fit_table(table.drop_columns(["caption", "seed"]), None)
    with pytest.raises(InputError, match="does not fit the pair schema"):
        fit_table(table, NUM_TOKENS + 1)


def replaced(folder: Path, table: pa.Table, **changes: object) -> ShardFile:
    """A shard whose file was exchanged for another one, with an entry that fits."""
    entry = write(folder, pairs_to_table(make_pairs(3), NUM_TOKENS))
    pq.write_table(table, folder / entry.name)
    entry = entry.model_copy(update={"bytes": (folder / entry.name).stat().st_size, **changes})
    return ShardFile(folder, entry, make_schema(NUM_TOKENS))


def test_another_number_of_rows_than_the_manifests_is_damage(tmp_path: Path) -> None:
    table = pairs_to_table(make_pairs(3), NUM_TOKENS)
    with pytest.raises(InputError, match="holds 3 rows, the manifest says 4"):
        replaced(tmp_path, table, rows=4).read()


@pytest.mark.parametrize("change", ["missing", "type", "width"])
def test_other_columns_are_damage(tmp_path: Path, change: str) -> None:
    table = pairs_to_table(make_pairs(3), NUM_TOKENS)
    if change == "missing":
        table = table.drop_columns(["id"])
    elif change == "type":
        table = table.set_column(table.schema.get_field_index("status"), "status", pa.array([1, 2, 3]))
    else:
        table = pairs_to_table(make_pairs(3, tokens=False), NUM_TOKENS + 1)
    with pytest.raises(InputError, match="does not have the columns of a pair store"):
        replaced(tmp_path, table).read()


def test_texts_that_are_not_utf8_are_damage_and_no_crash(tmp_path: Path) -> None:
    table = pairs_to_table(make_pairs(3), NUM_TOKENS)
    wrong = pa.StringArray.from_buffers(3, pa.py_buffer(np.arange(4, dtype=np.int32)), pa.py_buffer(b"\xff" * 3))
    table = table.set_column(table.schema.get_field_index("caption"), "caption", wrong)
    shard = replaced(tmp_path, table)
    for read in (shard.read, lambda: list(shard.groups()), lambda: shard.take(np.array([1]))):
        with pytest.raises(InputError, match=r"is damaged \(.*UTF8"):
            read()
