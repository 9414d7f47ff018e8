"""Karpathy's split files: splits, restval, file names of both data sets, faults named."""

from __future__ import annotations

import json

import pytest

from pairsmith.errors import InputError
from pairsmith.pairs.importers import RowSettings, iter_pairs_karpathy
from tests.pairs.importers.samples import picture


def write_split_file(folder, images):
    folder.mkdir(exist_ok=True)
    path = folder / "dataset_coco.json"
    path.write_text(json.dumps({"images": images, "dataset": "coco"}))
    return path


def coco_image(number, split, *captions):
    return {
        "filepath": "val2014",
        "filename": f"COCO_val2014_{number:012d}.jpg",
        "cocoid": number,
        "imgid": number,
        "split": split,
        "sentences": [{"raw": caption, "tokens": caption.split(), "sentid": 1} for caption in caption_list(captions)],
    }


def caption_list(captions):
    return captions or ("a dog . ",)


@pytest.fixture
def coco(tmp_path):
    images = [coco_image(n, split) for n, split in enumerate(["train", "val", "restval", "test", "train"], start=1)]
    path = write_split_file(tmp_path, images)
    (tmp_path / "val2014").mkdir()
    for image in images:
        (tmp_path / "val2014" / image["filename"]).write_bytes(picture(image["cocoid"]))
    return path


def test_the_record_of_the_coco_file(shared, tmp_path):
    golden = shared / "goldens" / "formats" / "karpathy_coco_head.json"
    image = json.loads(golden.read_text())["images"][0]
    (tmp_path / "val2014").mkdir()
    (tmp_path / "val2014" / image["filename"]).write_bytes(picture())
    rows = list(iter_pairs_karpathy(golden, tmp_path, "test"))
    assert [row.caption for row in rows] == [sentence["raw"].strip() for sentence in image["sentences"]]
    assert rows[0].image_path == "val2014/COCO_val2014_000000391895.jpg"
    assert len({row.group for row in rows}) == 1
    with pytest.raises(InputError, match=r"no image has split 'val'; its splits are test"):
        next(iter_pairs_karpathy(golden, tmp_path, "val"))


def test_the_record_of_the_flickr_file(shared, tmp_path):
    golden = shared / "goldens" / "formats" / "karpathy_flickr_head.json"
    (tmp_path / "2513260012_03d33305cf.jpg").write_bytes(picture())
    settings = RowSettings(captions="references")
    (row,) = iter_pairs_karpathy(golden, tmp_path, "train", settings=settings)
    assert row.status == "ok"
    assert row.references[0] == "A black dog is running after a white dog in the snow ."
    assert len(row.references) == 5


def test_train_takes_restval_along_unless_told_otherwise(coco):
    def numbers(*arguments):
        return [int(row.image_path[-6:-4]) for row in iter_pairs_karpathy(coco, None, *arguments)]

    assert numbers("train") == [1, 3, 5]
    assert numbers("train", False) == [1, 5]
    assert numbers("restval") == [3]
    assert numbers("test") == [4]


def test_images_are_found_in_the_folders_of_2017(coco, tmp_path):
    (tmp_path / "val2014").rename(tmp_path / "train2017")
    for path in (tmp_path / "train2017").iterdir():
        path.rename(path.with_name(path.name.removeprefix("COCO_val2014_")))
    assert [row.status for row in iter_pairs_karpathy(coco)] == ["ok"] * 3


def test_the_folder_of_the_split_file_will_do(coco):
    assert len(list(iter_pairs_karpathy(coco.parent, split="test"))) == 1
    with pytest.raises(InputError, match="no Karpathy split file"):
        next(iter_pairs_karpathy(coco.parent / "val2014"))


def test_missing_and_unsafe_images_fail(coco):
    content = json.loads(coco.read_text())
    content["images"][0]["filepath"] = "../val2014"
    content["images"][4]["filename"] = "absent.jpg"
    coco.write_text(json.dumps(content))
    rows = list(iter_pairs_karpathy(coco))
    assert [row.status for row in rows] == ["failed", "ok", "failed"]
    assert "leaves the image folder" in rows[0].reason


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda image: image.pop("sentences"), r"images\[0\]\.sentences is missing"),
        (lambda image: image["sentences"].append({"raw": None}), r"images\[0\]\.sentences\[1\]\.raw is null"),
        (lambda image: image.update(filename=3), r"images\[0\]\.filename is a whole number, not a text"),
        (lambda image: image.update(cocoid="3"), r"images\[0\]\.cocoid is a text"),
        (lambda image: image.pop("split"), r"images\[0\]\.split is missing"),
    ],
)
def test_wrong_json_names_key_and_index(change, message, coco):
    content = json.loads(coco.read_text())
    change(content["images"][0])
    coco.write_text(json.dumps(content))
    with pytest.raises(InputError, match=message):
        next(iter_pairs_karpathy(coco))
