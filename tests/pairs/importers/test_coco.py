"""COCO captions: the official layout, both caption modes, and every fault named."""

from __future__ import annotations

import json

import pytest

from pairsmith.errors import InputError
from pairsmith.pairs.importers import RowSettings, iter_pairs_coco
from pairsmith.pairs.importers import coco as coco_module
from tests.pairs.importers.samples import write_coco


def edited(path, change):
    """Apply `change` to the parsed annotation file and write it back."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return path


def test_coco_mini_as_pairs(shared):
    root = shared / "coco-mini"
    annotations = json.loads((root / "annotations/captions_train2017.json").read_text())
    rows = list(iter_pairs_coco(root))
    assert len(rows) == 400
    assert {row.status for row in rows} == {"ok"}
    assert len({row.group for row in rows}) == 80
    assert len({row.id for row in rows}) == 400
    expected = {}
    for annotation in annotations["annotations"]:
        expected.setdefault(annotation["image_id"], []).append(annotation["caption"].strip())
    for image, start in zip(annotations["images"], range(0, 400, 5), strict=True):
        of_image = rows[start : start + 5]
        assert [row.caption for row in of_image] == expected[image["id"]]
        assert {row.image_path for row in of_image} == {image["file_name"]}
        assert of_image[0].image == (root / "train2017" / image["file_name"]).read_bytes()


def test_coco_mini_as_references(shared):
    annotations = shared / "coco-mini" / "annotations" / "captions_train2017.json"
    rows = list(iter_pairs_coco(annotations, settings=RowSettings(captions="references")))
    assert len(rows) == 80
    assert all(len(row.references) == 5 and row.caption == row.references[0] for row in rows)


def test_rows_come_lazily(tmp_path, monkeypatch):
    path = write_coco(tmp_path, {f"{n}.jpg": ["a", "b"] for n in range(5)})
    reads = []
    read = coco_module.read_image_file
    monkeypatch.setattr(coco_module, "read_image_file", lambda *rest: reads.append(1) or read(*rest))
    rows = iter_pairs_coco(path)
    assert reads == []
    next(rows), next(rows)
    assert len(reads) == 1


def test_ids_do_not_depend_on_where_the_data_lies(tmp_path):
    captions = {"1.jpg": ["a", "b"]}
    ids = [[row.id for row in iter_pairs_coco(write_coco(tmp_path / place, captions))] for place in ("x", "y")]
    assert ids[0] == ids[1]


def test_splits_of_a_root_folder(tmp_path):
    write_coco(tmp_path, {"1.jpg": ["a"]}, "train2017")
    path = write_coco(tmp_path, {"2.jpg": ["b"]}, "val2017")
    assert [row.caption for row in iter_pairs_coco(tmp_path, split="val")] == ["b"]
    assert [row.caption for row in iter_pairs_coco(tmp_path, split="train2017")] == ["a"]
    for split in (None, "test"):
        with pytest.raises(InputError, match="train2017, val2017"):
            next(iter_pairs_coco(tmp_path, split=split))
    with pytest.raises(InputError, match="one split by itself"):
        next(iter_pairs_coco(path, split="train"))


def test_a_captions_file_of_any_name_is_found_by_its_keys(tmp_path):
    path = write_coco(tmp_path, {"1.jpg": ["a"]}, "images")
    path.rename(tmp_path / "my-own.json")
    (tmp_path / "broken.json").write_text("{")
    assert [row.caption for row in iter_pairs_coco(tmp_path)] == ["a"]


def test_images_elsewhere(tmp_path):
    path = write_coco(tmp_path, {"1.jpg": ["a"]})
    (tmp_path / "train2017").rename(tmp_path / "pictures")
    with pytest.raises(InputError, match="images=FOLDER"):
        next(iter_pairs_coco(path))
    assert next(iter_pairs_coco(path, images=tmp_path / "pictures")).status == "ok"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("annotations"), "annotations is missing"),
        (lambda c: c.update(images={}), "images is an object, not a list"),
        (lambda c: c["images"][1].pop("file_name"), r"images\[1\]\.file_name is missing"),
        (lambda c: c["images"][1].update(id="2"), r"images\[1\]\.id is a text"),
        (lambda c: c["images"][1].update(id=1), r"images\[1\]\.id 1 occurs twice"),
        (lambda c: c["annotations"][0].update(caption=["a"]), r"annotations\[0\]\.caption is a list, not a text"),
        (lambda c: c["annotations"].append(3), r"annotations\[2\] is a whole number, not an object"),
    ],
)
def test_wrong_json_names_key_and_index(change, message, tmp_path):
    path = edited(write_coco(tmp_path, {"1.jpg": ["a"], "2.jpg": ["b"]}), change)
    with pytest.raises(InputError, match=rf"captions_train2017\.json: {message}"):
        next(iter_pairs_coco(path))


def test_no_row_disappears(tmp_path):
    secret = tmp_path / "secret.jpg"
    path = write_coco(tmp_path / "data", {f"{n}.jpg": [f"caption {n}"] for n in range(6)})
    folder = tmp_path / "data" / "train2017"
    secret.write_bytes((folder / "0.jpg").read_bytes())

    def change(content):
        content["images"][0]["file_name"] = "../../secret.jpg"
        content["images"][1]["file_name"] = str(secret)
        content["annotations"][3]["caption"] = " "
        content["annotations"].append({"id": 99, "image_id": 12345, "caption": "of no image"})
        content["images"].append({"id": 77, "file_name": "5.jpg"})

    edited(path, change)
    (folder / "2.jpg").unlink()
    (folder / "4.jpg").write_bytes((folder / "4.jpg").read_bytes()[:-40])
    rows = list(iter_pairs_coco(path))
    assert [row.status for row in rows] == [
        "failed", "failed", "failed", "filtered", "failed", "ok", "filtered", "failed",
    ]  # fmt: skip
    assert "leaves the image folder" in rows[0].reason
    assert "not relative" in rows[1].reason
    assert rows[2].reason == "image file not found: 2.jpg"
    assert "truncated" in rows[4].reason
    assert rows[7].reason == "annotations[6].image_id 12345 is not among the images"
    assert rows[7].caption == "of no image"
    assert all(row.image is None for row in rows if row.status == "failed")


def test_missing_things_are_input_errors(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        next(iter_pairs_coco(tmp_path / "absent.json"))
    with pytest.raises(InputError, match="no COCO captions file"):
        next(iter_pairs_coco(tmp_path))
