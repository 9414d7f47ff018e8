"""Exports appear whole or not at all; pictures leave in formats that everybody reads."""

from __future__ import annotations

import io
import json
import os

import pytest
from PIL import Image

from pairsmith.errors import InputError
from pairsmith.pairs import decode_image
from pairsmith.pairs.exporters.output import JsonArray, export_rows, join_json, new_folder, portable_picture
from tests.pairs.exporters.conftest import make_pair
from tests.pairs.importers.samples import picture


def test_a_folder_appears_at_the_end(tmp_path):
    out = tmp_path / "deep" / "out"
    with new_folder(out) as folder:
        (folder / "a").write_text("a")
        assert not out.exists()
    assert [path.name for path in out.iterdir()] == ["a"]
    assert os.listdir(out.parent) == ["out"]


def test_an_empty_folder_may_be_there(tmp_path):
    (tmp_path / "out").mkdir()
    with new_folder(tmp_path / "out") as folder:
        (folder / "a").write_text("a")
    assert (tmp_path / "out" / "a").exists()


def test_a_failed_export_leaves_nothing(tmp_path):
    def export():
        with new_folder(tmp_path / "out") as folder:
            (folder / "a").write_text("a")
            raise KeyError("midway")

    with pytest.raises(KeyError, match="midway"):
        export()
    assert list(tmp_path.iterdir()) == []


def test_disk_faults_are_input_errors(tmp_path):
    with pytest.raises(InputError, match=r"No space left.*nothing was exported"), new_folder(tmp_path / "out"):
        raise OSError(28, "No space left on device")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"), new_folder(tmp_path / "file" / "out"):
        pass


def test_what_is_there_is_never_touched(tmp_path):
    (tmp_path / "file").write_text("precious")
    for out in (tmp_path, tmp_path / "file"):
        with pytest.raises(InputError, match="exists already"), new_folder(out):
            pass
    assert (tmp_path / "file").read_text() == "precious"


def test_leftovers_of_killed_exports_are_swept(tmp_path):
    for name in ("out.tmp-123", "other.tmp-123", "out.tmp-x"):
        (tmp_path / name).mkdir()
    with new_folder(tmp_path / "out"):
        pass
    assert sorted(os.listdir(tmp_path)) == ["other.tmp-123", "out", "out.tmp-x"]


def test_rows_are_the_ok_ones_or_the_chosen_ones(store):
    calls = []
    rows = list(export_rows(store, None, lambda *done: calls.append(done)))
    assert [row.seed for row in rows] == list(range(7))
    assert calls == [(7, 7)]
    assert [row.seed for row in export_rows(store, [rows[4].id, rows[1].id], None)] == [1, 4]
    with pytest.raises(InputError, match="no pair with the id nope"):
        next(export_rows(store, ["nope"], None))
    with pytest.raises(InputError, match="no rows to export"):
        next(export_rows(store, [], None))


@pytest.mark.parametrize(("format", "extension"), [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp")])
def test_common_formats_keep_their_bytes(format, extension):
    data = picture(3, (20, 10), format)
    found = portable_picture(make_pair(0, image=data), "COCO")
    assert (found.data, found.extension, found.width, found.height) == (data, extension, 20, 10)


@pytest.mark.parametrize("format", ["GIF", "BMP", "TIFF"])
def test_other_formats_become_png_with_equal_pixels(format):
    data = picture(3, (20, 10), format)
    found = portable_picture(make_pair(0, image=data), "COCO")
    assert found.extension == "png"
    with Image.open(io.BytesIO(found.data)) as image:
        assert image.format == "PNG"
    assert decode_image(found.data).tobytes() == decode_image(data).tobytes()


def test_pictures_that_are_missing_or_broken_name_the_pair():
    pair = make_pair(0, image=None)
    with pytest.raises(InputError, match=f"pair {pair.id} has no image, and LLaVA needs images"):
        portable_picture(pair, "LLaVA")
    for data in (b"nothing", b"\xff\xd8\xff broken"):
        pair = make_pair(0, image=data)
        with pytest.raises(InputError, match=f"pair {pair.id}: its image cannot be read"):
            portable_picture(pair, "LLaVA")


@pytest.mark.parametrize("count", [0, 1, 3])
def test_joined_arrays_are_json(count, tmp_path):
    with JsonArray(tmp_path / "a") as first, JsonArray(tmp_path / "b") as second:
        for number in range(count):
            first.add({"n": number})
            second.add({"text": f"ü\n{number}"})
    join_json(tmp_path / "x.json", {"info": {"k": "}"}}, {"first": first, "second": second})
    content = json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))
    assert content == {
        "info": {"k": "}"},
        "first": [{"n": number} for number in range(count)],
        "second": [{"text": f"ü\n{number}"} for number in range(count)],
    }
    assert os.listdir(tmp_path) == ["x.json"]
