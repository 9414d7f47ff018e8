"""The hub's layout: names, row groups, what `datasets` makes of it, and the way back."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest

from pairsmith.pairs import PairStore
from pairsmith.pairs.exporters import export_pairs
from pairsmith.pairs.exporters import parquet as parquet_module
from pairsmith.pairs.importers import import_pairs
from tests.pairs.exporters.conftest import make_pair


def test_files_and_row_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_module, "ROW_GROUP_ROWS", 4)
    store = PairStore.write(tmp_path / "store", (make_pair(n) for n in range(10)), settings={})
    export_pairs(store, tmp_path / "one", "parquet")
    (file,) = (tmp_path / "one" / "data").iterdir()
    assert file.name == "train-00000-of-00001.parquet"
    metadata = pq.read_metadata(file)
    compression = {
        metadata.row_group(0).column(n).path_in_schema: metadata.row_group(0).column(n).compression
        for n in range(metadata.num_columns)
    }
    assert {name for name, codec in compression.items() if codec == "UNCOMPRESSED"} == {"image.bytes"}
    assert [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)] == [4, 4, 2]
    export_pairs(store, tmp_path / "three", "parquet", file_bytes=1, split="test")
    names = sorted(path.name for path in (tmp_path / "three" / "data").iterdir())
    assert names == [f"test-0000{n}-of-00003.parquet" for n in range(3)]
    assert pq.read_schema(file).names == [
        "id", "group", "caption", "references", "negative", "negative_kind", "concept", "axis",
        "image", "tokens", "generator", "seed", "settings",
    ]  # fmt: skip


def test_groups_of_large_pictures_close_early(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_module, "ROW_GROUP_BYTES", 1)
    store = PairStore.write(tmp_path / "store", (make_pair(n) for n in range(3)), settings={})
    export_pairs(store, tmp_path / "out", "parquet")
    assert pq.read_metadata(next((tmp_path / "out" / "data").iterdir())).num_row_groups == 3


@pytest.mark.parametrize("kind", ["store", "token_store"])
def test_datasets_loads_the_folder(kind, request, tmp_path, caplog):
    datasets = pytest.importorskip("datasets")
    datasets.logging.enable_propagation()
    store = request.getfixturevalue(kind)
    export_pairs(store, tmp_path / "out", "parquet", file_bytes=1)
    loaded = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert list(loaded) == ["train"]
    assert caplog.text == ""  # the card's front matter is understood
    rows = loaded["train"]
    assert isinstance(rows.features["image"], datasets.Image)
    pairs = list(store.iter_pairs())
    assert rows["caption"][:] == [pair.caption for pair in pairs]
    assert rows["negative"][:] == [pair.negative for pair in pairs]
    if kind == "store":
        assert rows[0]["image"].size == (24, 16)
        raw = rows.cast_column("image", datasets.Image(decode=False))
        assert [row["image"]["bytes"] for row in raw] == [pair.image for pair in pairs]
    else:
        assert rows.features["tokens"].length == 4
        assert [row["tokens"] for row in rows] == [pair.tokens.tolist() for pair in pairs]


@pytest.mark.parametrize("kind", ["store", "token_store"])
def test_out_and_in_again_gives_the_same_rows(kind, request, tmp_path):
    store = request.getfixturevalue(kind)
    export_pairs(store, tmp_path / "out", "parquet")
    back = import_pairs(tmp_path / "out", tmp_path / "back")
    assert list(back.iter_pairs()) == list(store.iter_pairs())
    assert (back.manifest.num_tokens, back.manifest.tokenizer) == (store.manifest.num_tokens, store.manifest.tokenizer)


def test_references_and_names_survive(tmp_path):
    pairs = [make_pair(n, references=("one", "two")[:n], image_path="val/17.png") for n in range(3)]
    store = PairStore.write(tmp_path / "store", pairs, settings={})
    export_pairs(store, tmp_path / "out", "parquet")
    assert list(import_pairs(tmp_path / "out", tmp_path / "back").iter_pairs()) == pairs
