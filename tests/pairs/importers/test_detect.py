"""Formats told by content: names lie here on purpose."""

from __future__ import annotations

import gzip
import json

import pytest

from pairsmith.errors import InputError
from pairsmith.pairs.importers import detect_format
from tests.pairs.importers.samples import picture, sample, write_coco, write_tar
from tests.pairs.importers.test_parquet import structs, write


def test_files_by_content(tmp_path, shared):
    assert detect_format(write(tmp_path / "looks-like.tar", {"image": structs(1), "text": ["a"]})) == "parquet"
    assert detect_format(write_tar(tmp_path / "looks-like.json", sample("a", "b"))) == "webdataset"
    coco = write_coco(tmp_path / "coco", {"1.jpg": ["a"]})
    assert detect_format(coco.rename(tmp_path / "dataset_coco.parquet")) == "coco"
    for name in ("karpathy_coco_head.json", "karpathy_flickr_head.json"):
        assert detect_format(shared / "goldens" / "formats" / name) == "karpathy"


def test_folders_by_content(tmp_path, shared):
    assert detect_format(shared / "coco-mini") == "coco"
    write(tmp_path / "hub" / "data" / "train-0.parquet", {"image": structs(1), "text": ["a"]})
    (tmp_path / "hub" / "logo.png").write_bytes(picture(format="PNG"))
    assert detect_format(tmp_path / "hub") == "parquet"
    (tmp_path / "wds").mkdir()
    write_tar(tmp_path / "wds" / "0.tar", sample("a", "b"))
    (tmp_path / "wds" / "0_stats.json").write_text('{"count": 1}')
    assert detect_format(tmp_path / "wds") == "webdataset"
    (tmp_path / "photos" / "deep").mkdir(parents=True)
    (tmp_path / "photos" / "deep" / "a.jpg").write_bytes(picture())
    with pytest.raises(InputError, match=r"neither name\.txt"):
        detect_format(tmp_path / "photos")
    (tmp_path / "photos" / "deep" / "a.txt").write_text("a")
    assert detect_format(tmp_path / "photos") == "folder"


def test_a_karpathy_file_among_its_images(tmp_path):
    (tmp_path / "a.jpg").write_bytes(picture())
    image = {"filename": "a.jpg", "split": "train", "sentences": [{"raw": "a"}]}
    (tmp_path / "mine.json").write_text(json.dumps({"images": [image]}))
    assert detect_format(tmp_path) == "karpathy"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"questions": [], "task_type": ""}', "keys questions, task_type"),
        (b'[{"image_id": 1, "caption": "a"}]', "a list of objects with the keys caption, image_id"),
        (b'{"images": [], "annotations": [{"image_id": 1, "bbox": []}]}', "keys annotations, images"),
        (b"[1]", "is a list"),
        (b"{broken", "not valid JSON"),
        (b"plain text", "no JSON, Parquet or tar"),
        (gzip.compress(b"x", mtime=0), r"compressed \(gzip\)"),
        (picture(), "single image"),
        (b"", "no JSON, Parquet or tar"),
    ],
)
def test_what_cannot_be_imported_says_what_it_is(content, message, tmp_path):
    (tmp_path / "captions.json").write_bytes(content)
    with pytest.raises(InputError, match=message):
        detect_format(tmp_path / "captions.json")


def test_empty_missing_and_finished_folders(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        detect_format(tmp_path / "absent")
    with pytest.raises(InputError, match="holds no files"):
        detect_format(tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(InputError, match="holds no images"):
        detect_format(tmp_path)
    write(tmp_path / "part-00000.parquet", {"image": structs(1), "caption": ["a"]})
    with pytest.raises(InputError, match="pair store already"):
        detect_format(tmp_path)
