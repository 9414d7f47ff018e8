"""Parquet files of the hub: columns found, splits kept apart, torn files named, pictures read lazily."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairsmith.errors import InputError
from pairsmith.pairs.importers import RowSettings, iter_pairs_parquet
from pairsmith.pairs.importers import parquet as parquet_module
from pairsmith.pairs.importers.parquet import ParquetSource
from tests.pairs.importers.samples import picture


def structs(count, first=0):
    values = [{"bytes": picture(first + n), "path": f"{first + n}.jpg"} for n in range(count)]
    return pa.array(values, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))


def write(path, columns, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, **options)
    return path


def test_struct_images_and_text_captions(tmp_path):
    path = write(tmp_path / "x.parquet", {"image": structs(5), "caption": list("abcde")}, row_group_size=2)
    rows = list(iter_pairs_parquet(path))
    assert [row.caption for row in rows] == list("abcde")
    assert [row.image for row in rows] == [picture(n) for n in range(5)]
    assert [row.image_path for row in rows] == [f"{n}.jpg" for n in range(5)]
    assert len({row.id for row in rows}) == 5


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary_view()])
@pytest.mark.parametrize("text", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_plain_binary_images(kind, text, tmp_path):
    images = pa.array([picture(1), picture(2)], kind)
    path = write(tmp_path / "x.parquet", {"jpg": images, "txt": pa.array(["a", "b"], text)})
    rows = list(iter_pairs_parquet(path))
    assert [(row.caption, row.image) for row in rows] == [("a", picture(1)), ("b", picture(2))]


def test_lists_of_captions(tmp_path):
    captions = pa.array([["a", "b"], [], None, ["c", None]], pa.list_(pa.string()))
    columns = {"image": structs(4), "caption": captions, "filename": [f"f{n}.jpg" for n in range(4)]}
    path = write(tmp_path / "x.parquet", columns)
    rows = list(iter_pairs_parquet(path))
    assert [(row.caption, row.status) for row in rows] == [
        ("a", "ok"), ("b", "ok"), ("", "filtered"), ("", "filtered"), ("c", "ok"), ("", "filtered"),
    ]  # fmt: skip
    rows = list(iter_pairs_parquet(path, settings=RowSettings(captions="references")))
    assert [row.references for row in rows] == [("a", "b"), (), (), ("c",)]


def test_columns_are_found_by_type_then_name(tmp_path):
    columns = {"url": ["u"], "text": ["t"], "thumb": pa.array([b"x"], pa.binary()), "image": structs(1), "n": [1]}
    path = write(tmp_path / "x.parquet", columns)
    (row,) = iter_pairs_parquet(path)
    assert (row.caption, row.image) == ("t", picture(0))
    (row,) = iter_pairs_parquet(path, caption_column="url")
    assert row.caption == "u"
    with pytest.raises(InputError, match="has no column 'captoin'; its columns are url, text, thumb, image, n"):
        next(iter_pairs_parquet(path, caption_column="captoin"))
    with pytest.raises(InputError, match="column 'n' of type int64 cannot be the caption column"):
        next(iter_pairs_parquet(path, caption_column="n"))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"image": "image", "label": [1]}, "no caption column among image, label"),
        ({"caption": ["a"], "url": ["u"]}, "no image column among caption, url"),
        ({"image": "image", "de": ["a"], "en": ["b"]}, "which of de, en is the caption column"),
        ({"left": "image", "right": "image", "text": ["b"]}, "which of left, right is the image column"),
    ],
)
def test_missing_and_unclear_columns(columns, message, tmp_path):
    columns = {name: structs(1) if value == "image" else value for name, value in columns.items()}
    with pytest.raises(InputError, match=message):
        next(iter_pairs_parquet(write(tmp_path / "x.parquet", columns)))


def test_pictures_that_are_not_there_fail(tmp_path):
    values = [{"bytes": None, "path": "/etc/passwd"}, None, {"bytes": picture()[:-50], "path": "x"}]
    images = pa.array(values, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    rows = list(iter_pairs_parquet(write(tmp_path / "x.parquet", {"image": images, "text": ["a", "b", "c"]})))
    assert [row.status for row in rows] == ["failed"] * 3
    assert rows[0].image is None


def test_a_torn_file_is_named_before_any_row(tmp_path):
    write(tmp_path / "0.parquet", {"image": structs(1), "caption": ["a"]})
    torn = write(tmp_path / "1.parquet", {"image": structs(1), "caption": ["a"]})
    torn.write_bytes(torn.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"1\.parquet: is no readable Parquet file, perhaps cut off"):
        next(iter_pairs_parquet(tmp_path))


def test_files_must_agree(tmp_path):
    write(tmp_path / "0.parquet", {"image": structs(1), "caption": ["a"]})
    write(tmp_path / "1.parquet", {"image": structs(1), "text": ["a"]})
    with pytest.raises(InputError, match=r"1\.parquet: its column 'caption' is missing or unlike"):
        next(iter_pairs_parquet(tmp_path))


def test_splits_by_file_name(tmp_path):
    for split in ("train", "test"):
        write(tmp_path / "data" / f"{split}-00000-of-00001.parquet", {"image": structs(1), "caption": [split]})
    assert [row.caption for row in iter_pairs_parquet(tmp_path, split="train")] == ["train"]
    with pytest.raises(InputError, match="test, train"):
        next(iter_pairs_parquet(tmp_path))


def test_a_split_column_goes_before_file_names(tmp_path):
    # As in a public copy of Flickr30k: the file is called TEST, its rows are of all splits.
    columns = {"image": structs(4), "caption": list("abcd"), "split": ["train", "test", "val", "test"]}
    write(tmp_path / "TEST-00000.parquet", columns, row_group_size=3)
    rows = list(iter_pairs_parquet(tmp_path, split="test"))
    assert [(row.caption, row.image) for row in rows] == [("b", picture(1)), ("d", picture(3))]
    assert len(list(iter_pairs_parquet(tmp_path, split="all"))) == 4
    for split in (None, "dev"):
        with pytest.raises(InputError, match="test, train, val"):
            next(iter_pairs_parquet(tmp_path, split=split))


def test_pictures_are_read_only_when_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_module, "_IMAGE_BATCH", 2)
    path = write(tmp_path / "x.parquet", {"image": structs(40), "caption": ["a"] * 40}, row_group_size=10)
    opened = []
    real = pq.ParquetFile.iter_batches

    def noted(self, **rest):
        if rest["columns"] == ["image"]:
            opened.append(rest["row_groups"])
        return real(self, **rest)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", noted)
    for number, record in enumerate(ParquetSource(path).records()):
        if number in (23, 29):
            assert record.load() == picture(number)
    assert opened == [[2]]


def test_total_rows_where_the_footer_tells(tmp_path):
    columns = {"image": structs(4), "caption": list("abcd"), "captions": [["a", "b"]] * 4}
    path = write(tmp_path / "x.parquet", columns)
    assert ParquetSource(path).total_rows(RowSettings()) == 4
    listed = ParquetSource(path, caption_column="captions")
    assert listed.total_rows(RowSettings()) is None
    assert listed.total_rows(RowSettings(captions="references")) == 4


def test_a_folder_without_parquet(tmp_path):
    with pytest.raises(InputError, match=r"no \.parquet files"):
        next(iter_pairs_parquet(tmp_path))


@pytest.mark.parametrize("column", ["caption", "split"])
def test_texts_that_are_not_utf8_name_the_file(column, tmp_path):
    wrong = pa.StringArray.from_buffers(2, pa.py_buffer(b"\0\0\0\0\1\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xff"))
    columns = {"image": structs(2), "caption": pa.array(["a", "b"]), "split": pa.array(["train"] * 2)}
    path = write(tmp_path / "x.parquet", columns | {column: wrong})
    with pytest.raises(InputError, match=r"x\.parquet: is no readable Parquet file"):
        list(ParquetSource(path, split="all" if column == "caption" else None).records())
