"""Reading what users bring: names that must not be opened, JSON faults, captions as one line."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairsmith.errors import InputError
from pairsmith.pairs.importers import files
from pairsmith.pairs.importers.files import (
    clean_text,
    field,
    find_image_folder,
    listing_fingerprint,
    read_image_file,
    read_json,
    source_name,
    unsafe_name,
    walk_files,
)


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "a/../../b.jpg", "/etc/passwd", "~/x.jpg", "C:/x.jpg", "..\\x.jpg", "a\0.jpg", "", ".."],
)
def test_names_that_leave_the_folder_are_refused(name, tmp_path):
    (tmp_path / "inside").mkdir()
    assert unsafe_name(name)
    with pytest.raises(InputError):
        read_image_file(tmp_path / "inside", [name])


@pytest.mark.parametrize("name", ["a.jpg", "val2014/a..b.jpg", "./a.jpg", "ünïcode 1.png"])
def test_names_inside_the_folder_are_read(name, tmp_path):
    (tmp_path / "val2014").mkdir()
    (tmp_path / name).write_bytes(b"data")
    assert read_image_file(tmp_path, ["absent.jpg", name]) == b"data"


def test_unreadable_image_files_name_the_file(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"not found: a\.jpg"):
        read_image_file(tmp_path, ["a.jpg", "b.jpg"])
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")  # reading it would wait for ever
    for name in ("folder.jpg", "pipe.jpg", "x" * 5000, "\ud800.jpg"):
        with pytest.raises(InputError):
            read_image_file(tmp_path, [name])
    monkeypatch.setattr(files, "MAX_IMAGE_BYTES", 3)
    (tmp_path / "big.jpg").write_bytes(b"1234")
    with pytest.raises(InputError, match=r"big\.jpg has 4 bytes"):
        read_image_file(tmp_path, ["big.jpg"])


@pytest.mark.parametrize("content", [b'{"a": 1,\n}', b"\xff\xfe\x00", b"", b"[" * 100_000, b"9" * 6000])
def test_broken_json_is_an_input_error_that_names_the_file(content, tmp_path):
    path = tmp_path / "captions.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"captions\.json: is not valid JSON"):
        read_json(path)


def test_missing_json_names_the_file(tmp_path):
    with pytest.raises(InputError, match=r"absent\.json"):
        read_json(tmp_path / "absent.json")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, r"x\.json: images\[3\]\.id is missing"),
        ({"id": "7"}, r"images\[3\]\.id is a text, not a whole number"),
        ({"id": True}, r"images\[3\]\.id is a bool, not a whole number"),
        ({"id": None}, r"images\[3\]\.id is null"),
        ([], r"images\[3\] is a list, not an object"),
    ],
)
def test_wrong_types_name_file_key_and_index(content, message, tmp_path):
    with pytest.raises(InputError, match=message):
        field(content, "id", int, "images[3]", tmp_path / "x.json")


def test_image_folder_is_the_one_that_holds_the_images(tmp_path):
    for name in ("wrong", "right"):
        (tmp_path / name).mkdir()
    (tmp_path / "right" / "b.jpg").write_bytes(b"x")
    candidates = [tmp_path / "absent", tmp_path / "wrong", tmp_path / "right"]
    assert find_image_folder(candidates, [["a.jpg"], ["c.jpg", "b.jpg"]], tmp_path / "j") == tmp_path / "right"
    with pytest.raises(InputError, match=r"such as a\.jpg.*images=FOLDER"):
        find_image_folder(candidates[:2], [["a.jpg"]], tmp_path / "j")


def test_walking_is_sorted_and_skips_hidden_files_and_loops(tmp_path):
    for name in ("b/2.jpg", "a/1.jpg", "c.jpg", ".hidden.jpg", "__MACOSX/x.jpg", ".git/y.jpg", "a/._1.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert [file.as_posix() for file in walk_files(tmp_path)] == ["a/1.jpg", "b/2.jpg", "c.jpg"]


def test_listing_fingerprint_sees_names_and_sizes(tmp_path):
    (tmp_path / "a").write_bytes(b"1")
    first = listing_fingerprint(tmp_path, walk_files(tmp_path))
    (tmp_path / "a").write_bytes(b"12")
    second = listing_fingerprint(tmp_path, walk_files(tmp_path))
    (tmp_path / "a").rename(tmp_path / "b")
    assert len({first, second, listing_fingerprint(tmp_path, walk_files(tmp_path))}) == 3


def test_source_name_of_the_working_folder_is_its_name(tmp_path, monkeypatch):
    (tmp_path / "flickr").mkdir()
    monkeypatch.chdir(tmp_path / "flickr")
    assert source_name(files.Path(".")) == "flickr"


@given(st.text(st.characters(exclude_categories=())))
def test_clean_text_is_one_storable_line(text):
    cleaned = clean_text(text)
    assert len(cleaned.splitlines()) <= 1
    assert "\0" not in cleaned
    assert cleaned == cleaned.strip()
    assert clean_text(cleaned) == cleaned
    cleaned.encode()


def test_clean_text_keeps_what_is_inside_a_line():
    assert clean_text(" A  dog,\r\n\n\u2028 22 3/4 \U0001f415\n") == "A  dog, 22 3/4 \U0001f415"
    assert clean_text("a \ud83d\udc15 b \ud800") == "a \U0001f415 b \ufffd"
    assert len(clean_text("a" + " " * 1_000_000 + "b")) == 1_000_002  # and in linear time
