"""COCO captions: images once, references as annotations, ids kept, and the way back."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from pairsmith.errors import InputError
from pairsmith.pairs import PairStore
from pairsmith.pairs.exporters import export_pairs
from pairsmith.pairs.importers import import_pairs
from tests.pairs.exporters.conftest import make_pair


def exported(store, out, **options):
    folder = export_pairs(store, out, "coco", **options)
    (path,) = (folder / "annotations").iterdir()
    return json.loads(path.read_text(encoding="utf-8"))


def test_layout(store, tmp_path):
    content = exported(store, tmp_path / "out", split="val2017")
    assert {"info", "licenses", "type", "images", "annotations"} == set(content)
    assert (tmp_path / "out" / "annotations" / "captions_val2017.json").exists()
    pairs = list(store.iter_pairs())
    assert [annotation["caption"] for annotation in content["annotations"]] == [pair.caption for pair in pairs]
    assert [annotation["id"] for annotation in content["annotations"]] == list(range(1, 8))
    for image, pair in zip(content["images"], pairs, strict=True):
        assert (tmp_path / "out" / "val2017" / image["file_name"]).read_bytes() == pair.image
        assert (image["width"], image["height"], image["pair_id"]) == (24, 16, pair.id)


def test_coco_mini_goes_out_as_it_came(shared, tmp_path):
    original = json.loads((shared / "coco-mini" / "annotations" / "captions_train2017.json").read_text())
    captions = Counter((entry["image_id"], entry["caption"].strip()) for entry in original["annotations"])
    for mode in ("pairs", "references"):
        store = import_pairs(shared / "coco-mini", tmp_path / f"store-{mode}", captions=mode, max_side=64)
        content = exported(store, tmp_path / mode, split="train2017")
        assert Counter((entry["image_id"], entry["caption"]) for entry in content["annotations"]) == captions
        assert [image["id"] for image in content["images"]] == [image["id"] for image in original["images"]]
        assert [image["file_name"] for image in content["images"]] == [
            image["file_name"] for image in original["images"]
        ]
        back = import_pairs(tmp_path / mode, tmp_path / f"back-{mode}", captions=mode)
        for mine, theirs in zip(store.iter_pairs(), back.iter_pairs(), strict=True):
            assert (mine.caption, mine.references, mine.image) == (theirs.caption, theirs.references, theirs.image)


def test_ids_are_unique_whatever_the_names(tmp_path):
    names = [None, "a.png", "0000.png", "7.png", "x/7.jpg", "COCO_val2014_000000000009.jpg", "1" * 40 + ".png"]
    pairs = [make_pair(n, image_path=name) for n, name in enumerate(names)]
    content = exported(PairStore.write(tmp_path / "store", pairs, settings={}), tmp_path / "out")
    ids = [image["id"] for image in content["images"]]
    assert len(set(ids)) == len(names)
    assert (ids[3], ids[5]) == (7, 9)
    assert all(isinstance(number, int) and 0 < number < 2**53 for number in ids)


def test_rows_of_one_evaluation_image_share_its_references(tmp_path):
    image = make_pair(0).image
    pairs = [make_pair(n, image=image, references=("one", "two")) for n in range(3)]
    content = exported(PairStore.write(tmp_path / "store", pairs, settings={}), tmp_path / "out")
    assert len(content["images"]) == 1
    assert [annotation["caption"] for annotation in content["annotations"]] == ["one", "two"]


def test_a_split_name_cannot_leave_the_folder(store, tmp_path):
    with pytest.raises(InputError, match="split"):
        export_pairs(store, tmp_path / "out", "coco", split="../x")
