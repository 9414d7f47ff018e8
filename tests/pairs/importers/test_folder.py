"""A folder of pictures and text files: nesting, order, missing captions."""

from __future__ import annotations

import pytest

from pairsmith.errors import InputError
from pairsmith.pairs.importers import RowSettings, iter_pairs_folder
from tests.pairs.importers.samples import picture


@pytest.fixture
def folder(tmp_path):
    for number, name in enumerate(["b/2.jpg", "a/deep/1.PNG", "c.webp", "bare.jpeg"]):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(number, format={"PNG": "PNG", "webp": "WEBP"}.get(name.split(".")[1], "JPEG")))
    (tmp_path / "photos/b/2.txt").write_text("\ufeffA dog\nin the snow\n", encoding="utf-8")
    (tmp_path / "photos/a/deep/1.TXT").write_bytes(b"caf\xe9")
    (tmp_path / "photos/c.txt").write_text("")
    return tmp_path / "photos"


def test_pictures_with_their_captions_in_order(folder):
    rows = list(iter_pairs_folder(folder))
    assert [row.image_path for row in rows] == ["a/deep/1.PNG", "b/2.jpg", "bare.jpeg", "c.webp"]
    assert [row.caption for row in rows] == ["caf\ufffd", "A dog in the snow", "", ""]
    assert [row.status for row in rows] == ["ok", "ok", "filtered", "filtered"]
    assert rows[1].image == (folder / "b/2.jpg").read_bytes()


def test_every_line_a_caption(folder):
    rows = [
        row for row in iter_pairs_folder(folder, settings=RowSettings(caption_per_line=True)) if "2" in row.image_path
    ]
    assert [row.caption for row in rows] == ["A dog", "in the snow"]
    assert rows[0].group == rows[1].group


def test_splits_are_subfolders(folder):
    assert len(list(iter_pairs_folder(folder, split="b"))) == 1
    (folder / "a").rename(folder / "train")
    (folder / "b").rename(folder / "test")
    with pytest.raises(InputError, match="test, train"):
        next(iter_pairs_folder(folder))
    assert len(list(iter_pairs_folder(folder, split="all"))) == 4


def test_wrong_places(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    for path, message in (
        (tmp_path / "absent", "no such"),
        (folder / "c.txt", "is a file"),
        (tmp_path / "empty", "no image files"),
    ):
        with pytest.raises(InputError, match=message):
            next(iter_pairs_folder(path))
