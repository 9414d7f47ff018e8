"""Pairs come in, are checked, mended, and go out again."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest

from pairsmith.pairs import PairStore, PairWriter
from tests.cli.test_errors import only_sentence
from tests.pairs.importers.samples import picture
from tests.pairs.rows import make_pairs


@pytest.fixture
def folder(tmp_path):
    """Three pictures with captions."""
    source = tmp_path / "source"
    source.mkdir()
    for number in range(3):
        (source / f"{number}.jpg").write_bytes(picture(number, format="JPEG"))
        (source / f"{number}.txt").write_text(f"picture number {number}")
    return source


@pytest.fixture
def store(pairsmith, folder, tmp_path):
    """Its store, two rows a shard."""
    out = tmp_path / "store"
    assert pairsmith("import", folder, "--out", out, "--shard-rows", 2).exit_code == 0
    return out


def test_coco_goes_in_and_out_unchanged(pairsmith, shared, tmp_path):
    store, out, again = tmp_path / "store", tmp_path / "out", tmp_path / "again"
    made = pairsmith("import", shared / "coco-mini", "--out", store, "--limit", 40)
    assert made.stdout == f"{store}: 40 rows ok\n"
    assert pairsmith("verify", store).stdout == f"{store}: whole, 40 rows in 1 shard\n"
    assert pairsmith("export", store, "--format", "coco", "--out", out, "--set", "split=val").exit_code == 0
    assert (out / "annotations" / "captions_val.json").is_file()
    assert pairsmith("import", out, "--out", again).exit_code == 0
    columns = ["caption", "image"]
    first, second = (
        sorted((pair.caption, pair.image) for pair in PairStore(path).iter_pairs(columns)) for path in (store, again)
    )
    assert first == second


def test_references_and_limit_are_taken(pairsmith, shared, tmp_path):
    pairsmith(
        "import", shared / "coco-mini", "--out", tmp_path / "store", "--references", "--limit", 3, "--max-side", 64
    )
    rows = list(PairStore(tmp_path / "store").iter_pairs())
    assert len(rows) == 3
    assert all(len(row.references) == 5 for row in rows)


def test_an_import_goes_on_or_refuses(pairsmith, folder, store):
    assert pairsmith("import", folder, "--out", store, "--shard-rows", 2).exit_code == 0
    assert "max_side" in only_sentence(pairsmith("import", folder, "--out", store, "--max-side", 32))


def test_torn_parquet_is_refused(pairsmith, store, tmp_path):
    torn = tmp_path / "torn"
    torn.mkdir()
    data = (store / "part-00000.parquet").read_bytes()
    (torn / "data.parquet").write_bytes(data[: len(data) // 2])
    result = pairsmith("import", torn, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "data.parquet" in result.stderr
    assert "Traceback" not in result.output


def test_a_torn_shard_is_found_taken_out_and_made_again(pairsmith, folder, store):
    shard = store / "part-00001.parquet"
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-10])
    found = pairsmith("verify", store)
    assert found.exit_code == 2
    assert "part-00001.parquet: torn" in found.stdout
    assert "pairsmith repair" in found.stderr
    assert "part-00001.parquet: torn" in pairsmith("repair", store, "--dry-run").stdout
    assert shard.is_file()
    assert "make" in pairsmith("repair", store).stdout
    assert not shard.exists()
    assert pairsmith("import", folder, "--out", store, "--shard-rows", 2).exit_code == 0
    assert shard.read_bytes() == whole
    assert "nothing to repair" in pairsmith("repair", store).stdout


def test_an_unfinished_store_and_damaged_scores_are_not_called_broken_shards(pairsmith, tmp_path):
    with PairWriter(tmp_path / "begun", settings={}, layout={"shard_rows": 10}) as writer:
        writer.write_shard(0, make_pairs(10))
    (tmp_path / "begun" / "notes.txt").touch()
    assert "nothing to repair, but it is unfinished: run" in pairsmith("repair", tmp_path / "begun").stdout
    store = PairStore.write(tmp_path / "store", make_pairs(10), settings={})
    (store.folder / "a.txt").touch()
    (store.folder / "scores").mkdir()
    (store.folder / "scores" / "clip.parquet").write_bytes(b"none")
    assert "its rows are whole; delete the files named as damaged" in pairsmith("verify", store.folder).stderr
    told = pairsmith("repair", store.folder)
    assert told.exit_code == 2
    assert "scores/clip.parquet: damaged" in told.stderr
    assert "delete that file" in told.stderr


@pytest.mark.parametrize(
    ("format", "file"), [("webdataset", "00000.tar"), ("parquet", "README.md"), ("llava", "llava.json")]
)
def test_other_formats(pairsmith, store, tmp_path, format, file):
    assert pairsmith("export", store, "--format", format, "--out", tmp_path / "out").exit_code == 0
    assert (tmp_path / "out" / file).is_file()


def test_export_settings_reach_the_exporter(pairsmith, store, tmp_path):
    options = ("export", store, "--format", "parquet", "--out", tmp_path / "out")
    assert "samples_per_tar" in pairsmith("export", store, "--format", "webdataset", "--out", "x", "--dry-run").stdout
    assert "licence" in only_sentence(pairsmith(*options, "--set", "licences=mit"))
    assert pairsmith(*options, "--set", "licence=mit").exit_code == 0
    assert "license: mit" in (tmp_path / "out" / "README.md").read_text()
    file = next((tmp_path / "out" / "data").glob("*.parquet"))
    assert pq.read_table(file).num_rows == 3
    assert json.loads((store / "manifest.json").read_text())["complete"]
