"""WebDataset tars of img2dataset's layout: captions, torn tars, strange members, tokens."""

from __future__ import annotations

import io
import json
import logging

import numpy as np
import pytest

from pairsmith.errors import InputError
from pairsmith.pairs.importers import RowSettings, iter_pairs_webdataset
from pairsmith.pairs.importers.webdataset import WebDatasetSource
from tests.pairs.importers.samples import picture, sample, write_tar


def test_samples_of_all_tars_in_order(tmp_path):
    write_tar(tmp_path / "00001.tar", sample("c", "three", 3))
    write_tar(tmp_path / "00000.tar", sample("a", "one", 1) + sample("b", "two\n", 2))
    (tmp_path / "00000_stats.json").write_text("{}")
    rows = list(iter_pairs_webdataset(tmp_path))
    assert [row.caption for row in rows] == ["one", "two", "three"]
    assert [row.image for row in rows] == [picture(seed) for seed in (1, 2, 3)]
    assert [row.image_path for row in rows] == ["a.jpg", "b.jpg", "c.jpg"]
    assert len({row.id for row in rows}) == 3


def test_equal_keys_in_two_tars_are_two_pairs(tmp_path):
    for name in ("0.tar", "1.tar"):
        write_tar(tmp_path / name, sample("a", "one"))
    rows = list(iter_pairs_webdataset(tmp_path))
    assert len({row.id for row in rows}) == len({row.group for row in rows}) == 2


def test_where_captions_come_from(tmp_path):
    members = [
        ("both.jpg", picture()), ("both.json", b'{"caption": "json"}'), ("both.txt", b"text"),
        ("json.png", picture(format="PNG")), ("json.json", b'{"caption": "json"}'),
        ("null.webp", picture(format="WEBP")), ("null.json", b'{"caption": null}'),
        ("label.jpeg", picture()), ("label.cls", b"3"),
        ("list.jpg", picture()), ("list.json", b"[1]"), ("list.txt", b"text"),
    ]  # fmt: skip
    rows = list(iter_pairs_webdataset(write_tar(tmp_path / "x.tar", members)))
    assert [row.caption for row in rows] == ["text", "json", "", "", "text"]
    assert [row.status for row in rows] == ["ok", "ok", "filtered", "filtered", "ok"]


def test_bad_samples_fail_alone(tmp_path):
    members = [
        ("broken.jpg", picture(size=(99, 99))[:-200]), ("broken.txt", b"a"),
        ("text.txt", b"no image"),
        ("json.jpg", picture()), ("json.txt", b"a"), ("json.json", b"{"),
        ("long.jpg", picture()), ("long.txt", b"x" * (2**20 + 1)),
        *sample("good", "good"),
    ]  # fmt: skip
    rows = list(iter_pairs_webdataset(write_tar(tmp_path / "x.tar", members)))
    assert [row.status for row in rows] == ["failed"] * 4 + ["ok"]
    for row, reason in zip(rows, ("truncated", "no image", "not valid JSON", "1,048,577 bytes"), strict=False):
        assert reason in row.reason
        assert row.image is None


def test_a_torn_tar_gives_its_samples_a_failed_row_and_the_next_tar(tmp_path, caplog):
    torn = write_tar(tmp_path / "0.tar", sample("a", "one") + sample("b", "two"))
    torn.write_bytes(torn.read_bytes()[: torn.read_bytes().index(b"b.txt")])
    (tmp_path / "1.tar").write_bytes(b"")
    write_tar(tmp_path / "2.tar", sample("c", "three"))
    with caplog.at_level(logging.WARNING):
        rows = list(iter_pairs_webdataset(tmp_path))
    assert [row.status for row in rows] == ["ok", "failed", "failed", "ok"]
    assert [row.caption for row in rows] == ["one", "", "", "three"]
    assert "0.tar is torn" in rows[1].reason
    assert "1.tar is torn" in rows[2].reason
    assert "0.tar is torn" in caplog.text


def test_nothing_is_unpacked(tmp_path, monkeypatch):
    inside = tmp_path / "inside"
    inside.mkdir()
    monkeypatch.chdir(inside)
    members = [(f"../../escape{kind}", data) for kind, data in ((".jpg", picture()), (".txt", b"a"))]
    members += [("/tmp/absolute.jpg", picture(1)), ("/tmp/absolute.txt", b"b")]
    before = sorted(tmp_path.rglob("*"))
    rows = list(iter_pairs_webdataset(write_tar(tmp_path / "x.tar", members)))
    assert [row.caption for row in rows] == ["a", "b"]
    assert sorted(tmp_path.rglob("*")) == sorted([*before, tmp_path / "x.tar"])


def test_lines_as_captions(tmp_path):
    path = write_tar(tmp_path / "x.tar", [("a.jpg", picture()), ("a.txt", b"one\n\ntwo\n")])
    assert [row.caption for row in iter_pairs_webdataset(path)] == ["one two"]
    rows = list(iter_pairs_webdataset(path, settings=RowSettings(caption_per_line=True, captions="references")))
    assert [row.references for row in rows] == [("one", "two")]


def test_splits(tmp_path):
    for split in ("train", "test"):
        (tmp_path / split).mkdir()
        write_tar(tmp_path / split / "0.tar", sample("a", split))
    assert [row.caption for row in iter_pairs_webdataset(tmp_path, split="test")] == ["test"]
    with pytest.raises(InputError, match="test, train"):
        next(iter_pairs_webdataset(tmp_path))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"holds no \.tar files"):
        next(iter_pairs_webdataset(tmp_path / "empty"))


def npy(array):
    out = io.BytesIO()
    np.save(out, array, allow_pickle=array.dtype == object)
    return out.getvalue()


def test_tokens_in_place_of_a_picture(tmp_path):
    members = []
    arrays = {
        "a": np.arange(4, dtype=np.uint16),
        "b": np.arange(5, dtype=np.uint16),
        "c": np.zeros(4, np.float32),
        "d": np.array([{}], dtype=object),
    }
    for key, array in arrays.items():
        members += [(f"{key}.npy", npy(array)), (f"{key}.txt", b"t"), (f"{key}.json", b'{"tokenizer": "f00dfeed"}')]
    source = WebDatasetSource(write_tar(tmp_path / "x.tar", members))
    assert (source.num_tokens, source.tokenizer) == (4, "f00dfeed")
    rows = list(iter_pairs_webdataset(tmp_path / "x.tar"))
    assert [row.status for row in rows] == ["ok", "failed", "failed", "failed"]
    assert rows[0].tokens.tolist() == [0, 1, 2, 3]
    assert "5 tokens" in rows[1].reason
    assert "no image" in rows[2].reason
    assert "not a NumPy array" in rows[3].reason


def test_a_foreign_embedding_beside_a_picture_is_no_token_row(tmp_path):
    members = [*sample("a", "one"), ("a.npy", npy(np.arange(4, dtype=np.uint16)))]
    path = write_tar(tmp_path / "x.tar", members)
    assert WebDatasetSource(path).num_tokens is None
    (row,) = iter_pairs_webdataset(path)
    assert row.tokens is None


def test_columns_of_other_tools_do_not_become_ours(tmp_path):
    details = json.dumps({"id": 5, "group": "g", "seed": 3, "generator": "x"}).encode()
    path = write_tar(tmp_path / "x.tar", [("a.jpg", picture()), ("a.txt", b"t"), ("a.json", details)])
    (row,) = iter_pairs_webdataset(path)
    assert (row.generator, row.seed) == ("import:webdataset", 0)


@pytest.mark.parametrize(
    "shape", ["(1000000000000,)", "(3000000000,)", "(-1,)", "(99999999999999999999,)", "('a',)", "(", "((((" * 50]
)
def test_a_token_array_that_promises_more_than_it_holds_is_a_failed_row(tmp_path, shape):
    head = f"{{'descr': '<u2', 'fortran_order': False, 'shape': {shape}, }}".encode() + b"\n"
    data = b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + bytes(64)
    rows = list(iter_pairs_webdataset(write_tar(tmp_path / "x.tar", [("a.npy", data), ("a.txt", b"t")])))
    assert [row.status for row in rows] == ["failed"]
    assert "a.npy is not a NumPy array" in rows[0].reason or "a.npy promises" in rows[0].reason
