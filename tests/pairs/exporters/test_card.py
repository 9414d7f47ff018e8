"""The data-set card: front matter that the hub understands, and the counts."""

from __future__ import annotations

import yaml

from pairsmith.pairs import PairStore
from pairsmith.pairs.exporters import export_pairs
from tests.pairs.exporters.conftest import make_pair


def card_of(store, out, **options):
    text = (export_pairs(store, out, "parquet", **options) / "README.md").read_text(encoding="utf-8")
    front, body = text.removeprefix("---\n").split("\n---\n", 1)
    return yaml.safe_load(front), body


def test_front_matter(token_store, tmp_path):
    front, _ = card_of(token_store, tmp_path / "out", licence="cc-by-4.0", title="Dogs: a set", split="val")
    assert front["license"] == "cc-by-4.0"
    assert front["pretty_name"] == "Dogs: a set"
    assert front["configs"][0]["data_files"] == [{"split": "val", "path": "data/val-*"}]
    assert front["size_categories"] == ["n<1K"]
    assert "synthetic" in front["tags"]
    features = {feature["name"]: feature for feature in front["dataset_info"]["features"]}
    assert features["image"]["dtype"] == "image"
    assert features["tokens"] == {"name": "tokens", "sequence": "uint16", "length": 4}
    (split,) = front["dataset_info"]["splits"]
    assert (split["name"], split["num_examples"]) == ("val", 5)
    assert split["num_bytes"] > 0


def test_provenance_in_words(store, tmp_path):
    _, body = card_of(store, tmp_path / "out", licence="mit")
    assert "- 7 pairs, 7 with a picture" in body
    assert "1 filtered, 1 failed" in body
    assert "| muse | 4 |" in body
    assert "| flow | 3 |" in body
    assert "| swap | 7 |" in body
    assert "Stated licence: `mit`" in body
    assert store.fingerprint in body
    assert '"recipe": "tiny"' in body


def test_counts_are_of_the_exported_rows(store, tmp_path):
    front, body = card_of(store, tmp_path / "out", ids=[store.pair(1).id])
    assert "- 1 pairs" in body
    assert "| flow | 1 |" in body
    assert "muse |" not in body
    assert front["dataset_info"]["splits"][0]["num_examples"] == 1


def test_imported_pairs_are_not_called_synthetic(tmp_path):
    pairs = [make_pair(0, generator="import:coco", negative=None, negative_kind=None)]
    store = PairStore.write(tmp_path / "store", pairs, settings={})
    front, body = card_of(store, tmp_path / "out")
    assert "synthetic" not in front["tags"]
    assert "Hard negatives" not in body


def test_a_generator_name_cannot_break_the_table(tmp_path):
    store = PairStore.write(tmp_path / "store", [make_pair(0, generator="a|b\nc")], settings={})
    assert "| a\\|b c | 1 |" in card_of(store, tmp_path / "out")[1]
