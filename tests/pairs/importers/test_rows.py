"""From one picture with captions to rows: statuses, reasons, ids, and that nothing disappears."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from pairsmith.errors import InputError
from pairsmith.pairs.importers.rows import Record, RowSettings, broken_record, iter_rows, restored_columns, row_count
from pairsmith.pairs.schema import pairs_to_table
from tests.pairs.importers.samples import ListSource, huge_picture, picture


def rows_of(*records, **settings):
    return list(iter_rows(ListSource(*records), RowSettings(**settings)))


def record(captions, data=None, key="k", **rest):
    data = picture() if data is None else data
    return Record(key, tuple(captions), lambda: data, "k.jpg", **rest)


def test_a_row_for_each_caption_with_one_group_and_the_original_bytes():
    first, second = rows_of(record(["A dog. ", "a cat"]))
    assert (first.caption, second.caption) == ("A dog.", "a cat")
    assert first.group == second.group
    assert first.id != second.id
    assert first.image == second.image == picture()
    assert (first.status, first.references, first.image_path, first.generator) == ("ok", (), "k.jpg", "import:list")


def test_a_row_for_each_picture_with_all_captions_as_references():
    (row,) = rows_of(record(["A dog.", " ", "a cat"]), captions="references")
    assert row.references == ("A dog.", "a cat")
    assert row.caption == "A dog."
    assert row.status == "ok"


def test_the_picture_is_loaded_once_for_all_captions():
    loads = []

    def load():
        loads.append(1)
        return picture()

    assert len(rows_of(Record("k", ("a", "b", "c"), load))) == 3
    assert len(loads) == 1


@pytest.mark.parametrize(
    ("caption", "status", "reason"),
    [
        ("", "filtered", "empty caption"),
        (" \n\u2029", "filtered", "empty caption"),
        ("x" * 4096, "ok", ""),
        ("x" * 10_000, "filtered", "caption of 10000 characters, more than 4096"),
    ],
)
@pytest.mark.parametrize("captions", ["pairs", "references"])
def test_captions_that_cannot_be_used_are_filtered_and_kept(caption, status, reason, captions):
    (row,) = rows_of(record([caption]), captions=captions)
    assert (row.status, row.reason) == (status, reason)
    assert row.caption == caption.strip()


def test_a_record_without_captions_is_one_filtered_row():
    (row,) = rows_of(record([]))
    assert (row.status, row.reason) == ("filtered", "empty caption")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (picture(size=(200, 200))[:-500], "truncated"),
        (huge_picture(), "30000"),
        (b"<html>not found</html>", "not an image"),
        (b"", "not an image"),
    ],
    ids=["truncated", "huge", "html", "empty"],
)
def test_unreadable_pictures_give_failed_rows_without_bytes(data, reason):
    rows = rows_of(record(["a", ""], data))
    assert [row.status for row in rows] == ["failed", "failed"]
    assert all(reason in row.reason.replace("900000000", "30000") for row in rows)
    assert all(row.image is None for row in rows)
    assert rows[0].caption == "a"


def test_what_load_raises_becomes_the_reason():
    def load():
        raise InputError("image file not found: a.jpg")

    (row,) = rows_of(Record("k", ("a",), load))
    assert (row.status, row.reason) == ("failed", "image file not found: a.jpg")


def test_names_in_other_encodings_can_be_stored():
    # Latin-1 file names reach Python with lone surrogates, which neither Parquet nor the ids can hold.
    (row,) = rows_of(Record("caf\udce9", ("a",), picture, "caf\udce9.jpg"))
    assert row.image_path == "caf\ufffd.jpg"
    (row,) = rows_of(broken_record("caf\udce9", "caf\udce9.tar is torn"))
    assert row.reason == "caf\ufffd.tar is torn"
    pairs_to_table([row])


def test_a_broken_record_is_a_failed_row():
    (row,) = rows_of(broken_record("k", "torn"))
    assert (row.status, row.reason, row.image) == ("failed", "torn", None)


def test_max_side_shrinks_only_larger_pictures():
    large, small = picture(size=(300, 150)), picture(size=(60, 64), format="PNG")
    shrunk, kept = rows_of(record(["a"], large, "1"), record(["b"], small, "2"), max_side=64)
    with Image.open(io.BytesIO(shrunk.image)) as image:
        assert (image.format, image.size) == ("JPEG", (64, 32))
    assert kept.image == small


def test_quality_changes_the_size_of_shrunk_pictures():
    sizes = [
        len(rows_of(record(["a"], picture(size=(300, 150))), max_side=64, jpeg_quality=quality)[0].image)
        for quality in (30, 95)
    ]
    assert sizes[0] < sizes[1] / 2


def test_ids_depend_on_source_key_place_and_caption_only():
    same = rows_of(record(["a", "a"], key="1"))
    again = rows_of(record(["a", "a"], picture(9), key="1"), max_side=16)
    other = rows_of(record(["a", "a"], key="2"))
    assert [row.id for row in same] == [row.id for row in again]
    assert len({row.id for row in same + other}) == 4


@pytest.mark.parametrize("captions", [(), ("a",), ("a", "b", "")])
@pytest.mark.parametrize("mode", ["pairs", "references"])
def test_row_count_is_known_before_the_rows_are_made(captions, mode):
    settings = RowSettings(captions=mode)
    assert row_count(record(captions), settings) == len(rows_of(record(captions), captions=mode))


EXPORTED = {
    "id": "0123456789abcdef" * 2,
    "group": "g",
    "references": ["one", "two"],
    "negative": "no dog",
    "negative_kind": "swap",
    "concept": None,
    "axis": None,
    "generator": "muse",
    "seed": 7,
    "settings": "{}",
}


def test_exported_columns_come_back():
    (row,) = rows_of(record(["a"], provenance=restored_columns(EXPORTED)))
    assert (row.id, row.group, row.references) == (EXPORTED["id"], "g", ("one", "two"))
    assert (row.negative, row.negative_kind, row.generator, row.seed, row.settings) == (
        "no dog", "swap", "muse", 7, "{}",
    )  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"id": "42"},
        {"id": 42},
        {"seed": "7"},
        {"seed": True},
        {"seed": 2**63},
        {"references": "one"},
        {"references": [1]},
        {"generator": None},
        {"negative": 3},
        {"settings": "\ud800"},
    ],
)
def test_columns_of_other_peoples_files_are_not_taken_for_ours(change):
    assert restored_columns({**EXPORTED, **change}) == {}
    assert restored_columns({}) == {}
