"""WebDataset tars: the layout that other programs read, equal bytes, and the way back."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile

import numpy as np
import pytest

from pairsmith.errors import InputError
from pairsmith.pairs import PairStore
from pairsmith.pairs.exporters import export_pairs, export_webdataset
from pairsmith.pairs.importers import import_pairs
from tests.pairs.exporters.conftest import make_pair


def test_layout(store, tmp_path):
    export_pairs(store, tmp_path / "out", "webdataset", samples_per_tar=3)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["00000.tar", "00001.tar", "00002.tar"]
    with tarfile.open(tmp_path / "out" / "00001.tar") as tar:
        names = tar.getnames()
        assert names == [
            "000010000.png", "000010000.txt", "000010000.json",
            "000010001.jpg", "000010001.txt", "000010001.json",
            "000010002.webp", "000010002.txt", "000010002.json",
        ]  # fmt: skip
        details = json.load(tar.extractfile("000010001.json"))
        image = tar.extractfile("000010001.jpg").read()
    pair = store.pair(4)
    assert image == pair.image
    assert details["sha256"] == hashlib.sha256(image).hexdigest()
    assert (details["key"], details["caption"], details["width"], details["height"]) == (
        "000010001", pair.caption, 24, 16,
    )  # fmt: skip
    for name in ("id", "group", "negative", "negative_kind", "concept", "axis", "generator", "seed", "settings"):
        assert details[name] == getattr(pair, name)


def test_equal_stores_give_equal_tars(store, tmp_path):
    for name in ("1", "2"):
        export_webdataset(store, tmp_path / name)
    data = [(tmp_path / name / "00000.tar").read_bytes() for name in ("1", "2")]
    assert data[0] == data[1]
    with tarfile.open(tmp_path / "1" / "00000.tar") as tar:
        for member in tar:
            assert (member.mtime, member.uid, member.gid, member.uname, member.gname, member.mode) == (
                0, 0, 0, "", "", 0o644,
            )  # fmt: skip


def test_the_webdataset_library_reads_it(store, tmp_path):
    webdataset = pytest.importorskip("webdataset")
    export_pairs(store, tmp_path / "out", "webdataset", samples_per_tar=4)
    urls = sorted(str(path) for path in (tmp_path / "out").iterdir())
    samples = webdataset.WebDataset(urls, shardshuffle=False).decode("pil").rename(image="jpg;png;webp")
    found = list(samples.to_tuple("image", "txt", "json"))
    assert [text for _, text, _ in found] == [pair.caption for pair in store.iter_pairs()]
    assert all(image.size == (24, 16) for image, _, _ in found)
    assert [details["negative"] for _, _, details in found] == [pair.negative for pair in store.iter_pairs()]


def test_out_and_in_again_gives_the_same_rows(store, tmp_path):
    export_pairs(store, tmp_path / "out", "webdataset", samples_per_tar=3)
    back = import_pairs(tmp_path / "out", tmp_path / "back")
    assert list(back.iter_pairs()) == list(store.iter_pairs())


def test_references_survive(tmp_path):
    pairs = [make_pair(n, references=("one", "two"), image_path="val/0017.png") for n in range(2)]
    store = PairStore.write(tmp_path / "store", pairs, settings={})
    export_pairs(store, tmp_path / "out", "webdataset")
    for captions in ("pairs", "references"):
        back = import_pairs(tmp_path / "out", tmp_path / captions, captions=captions)
        assert list(back.iter_pairs()) == pairs


def test_tokens_travel_when_there_is_no_picture(token_store, tmp_path):
    export_pairs(token_store, tmp_path / "out", "webdataset")
    with tarfile.open(tmp_path / "out" / "00000.tar") as tar:
        assert tar.getnames()[:3] == ["000000000.npy", "000000000.txt", "000000000.json"]
        array = np.load(io.BytesIO(tar.extractfile("000000003.npy").read()))
    assert array.dtype == np.uint16
    assert array.tolist() == [3, 4, 5, 6]
    back = import_pairs(tmp_path / "out", tmp_path / "back")
    assert list(back.iter_pairs()) == list(token_store.iter_pairs())
    assert (back.manifest.num_tokens, back.manifest.tokenizer) == (4, "0123456789abcdef")


def test_a_row_with_neither_stops_the_export(tmp_path):
    store = PairStore.write(tmp_path / "store", [make_pair(0), make_pair(1, image=None)], settings={})
    with pytest.raises(InputError, match=f"{make_pair(1).id} has neither image nor tokens"):
        export_pairs(store, tmp_path / "out", "webdataset")
    assert not (tmp_path / "out").exists()
