"""LLaVA's format: one marker a record, pictures where the records say, draws that depend on the row alone."""

from __future__ import annotations

import json

import pytest

from pairsmith.errors import InputError
from pairsmith.pairs import PairStore
from pairsmith.pairs.exporters import export_pairs
from pairsmith.pairs.exporters.llava import PROMPTS
from tests.pairs.exporters.conftest import make_pair


def exported(store, out, **options):
    return json.loads((export_pairs(store, out, "llava", **options) / "llava.json").read_text(encoding="utf-8"))


def test_records(store, tmp_path):
    records = exported(store, tmp_path / "out")
    for record, pair in zip(records, store.iter_pairs(), strict=True):
        assert set(record) == {"id", "image", "conversations"}
        assert record["id"] == pair.id
        assert (tmp_path / "out" / "images" / record["image"]).read_bytes() == pair.image
        human, answer = record["conversations"]
        assert (human["from"], answer["from"]) == ("human", "gpt")
        assert answer["value"] == pair.caption
        first, last = human["value"].split("\n")
        assert sorted((first, last))[0] == "<image>"
        assert (last if first == "<image>" else first) in PROMPTS


def test_prompts_and_places_vary_but_depend_on_the_row_alone(tmp_path):
    pairs = [make_pair(n) for n in range(60)]
    records = exported(PairStore.write(tmp_path / "a", pairs, settings={}), tmp_path / "1")
    asked = {record["id"]: record["conversations"][0]["value"] for record in records}
    assert len({value.replace("<image>", "").strip() for value in asked.values()}) == len(PROMPTS)
    assert 15 < sum(value.startswith("<image>") for value in asked.values()) < 45
    reversed_records = exported(PairStore.write(tmp_path / "b", pairs[:30:-1], settings={}), tmp_path / "2")
    assert all(record["conversations"][0]["value"] == asked[record["id"]] for record in reversed_records)
    other = exported(PairStore.write(tmp_path / "c", pairs, settings={}), tmp_path / "3", seed=1)
    assert any(record["conversations"][0]["value"] != asked[record["id"]] for record in other)


def test_there_is_exactly_one_marker(tmp_path):
    store = PairStore.write(tmp_path / "store", [make_pair(0, caption="an <image> of text")], settings={})
    text = json.dumps(exported(store, tmp_path / "out", prompts=["Look at <image>."]))
    assert text.count("<image>") == 1


def test_equal_pictures_are_stored_once(tmp_path):
    pairs = [make_pair(n, image=make_pair(0).image) for n in range(3)]
    records = exported(PairStore.write(tmp_path / "store", pairs, settings={}), tmp_path / "out")
    assert len({record["image"] for record in records}) == 1
    assert len([path for path in (tmp_path / "out" / "images").rglob("*") if path.is_file()]) == 1


def test_tokens_cannot_go_out(token_store, tmp_path):
    with pytest.raises(InputError, match="has only tokens, and LLaVA needs images"):
        exported(token_store, tmp_path / "out")
    assert not (tmp_path / "out").exists()
