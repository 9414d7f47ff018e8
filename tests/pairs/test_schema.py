from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from pairsmith.errors import InputError
from pairsmith.pairs import PAIR_SCHEMA, Pair, imported_id, make_schema, pair_id
from pairsmith.pairs.schema import pairs_to_table, table_to_pairs
from tests.pairs.rows import NUM_TOKENS, make_pair, make_pairs


def test_the_columns_are_those_of_the_published_format() -> None:
    types = {field.name: str(field.type) for field in make_schema(4)}
    assert types == {
        "id": "string",
        "group": "string",
        "caption": "string",
        "references": str(pa.list_(pa.string())),
        "negative": "string",
        "negative_kind": "string",
        "concept": "string",
        "axis": "string",
        "image": "struct<bytes: binary, path: string>",
        "tokens": str(pa.list_(pa.uint16(), 4)),
        "generator": "string",
        "seed": "int64",
        "settings": "string",
        "status": "string",
        "reason": "string",
    }
    assert PAIR_SCHEMA.field("tokens").type == pa.list_(pa.uint16())


def test_equal_work_has_an_equal_id_and_any_change_another() -> None:
    base = ("a cat", "muse", "main", {"steps": 8, "scale": 2.0}, 7)
    known = pair_id(*base)
    assert known == pair_id("a cat", "muse", "main", {"scale": 2.0, "steps": 8}, 7)
    changed = [
        pair_id("a dog", *base[1:]),
        pair_id("a cat", "muse2", *base[2:]),
        pair_id("a cat", "muse", "v2", *base[3:]),
        pair_id("a cat", "muse", "main", {"steps": 9, "scale": 2.0}, 7),
        pair_id(*base[:4], 8),
        imported_id("a cat", "muse"),
        pair_id("a cat muse", "", *base[2:]),
    ]
    assert len({known, *changed}) == len(changed) + 1
    assert len(known) == 32
    assert int(known, 16) >= 0


def test_ids_do_not_change_between_versions() -> None:
    assert imported_id("coco", "42") == hashlib.sha256(b'["imported","coco","42"]').hexdigest()[:32]
    assert pair_id("é", "g", "r", "s", 1) == hashlib.sha256('["made","é","g","r","s",1]'.encode()).hexdigest()[:32]


@pytest.mark.parametrize("num_tokens", [NUM_TOKENS, None])
def test_pairs_survive_the_table(num_tokens: int | None) -> None:
    pairs = [
        *make_pairs(250),
        make_pair(1000, images=False),
        make_pair(1001, tokens=False),
        Pair(id="x", caption="", status="failed", reason="no picture"),
        Pair(id="y", caption="only a path", image_path="a.png"),
    ]
    table = pairs_to_table(pairs, num_tokens)
    assert table.schema == make_schema(num_tokens)
    assert table_to_pairs(table) == pairs


def test_a_table_with_few_columns_gives_defaults() -> None:
    assert table_to_pairs(pa.table({"id": ["a"], "caption": ["b"], "reason": pa.array([None], pa.string())})) == [
        Pair(id="a", caption="b")
    ]


def test_equality_looks_at_every_field() -> None:
    pair = make_pair(1)
    assert pair == make_pair(1)
    assert pair != replace(pair, tokens=pair.tokens + 1)
    assert pair != replace(pair, tokens=None)
    assert pair != replace(pair, caption="other")
    assert replace(pair, tokens=None) != pair
    assert pair != "something else"


@pytest.mark.parametrize("tokens", [[1.5, 2.0], [[1, 2]], [-1, 2], [65536]])
def test_tokens_must_be_a_row_of_vq_ids(tokens: list) -> None:
    with pytest.raises(InputError, match=r"abc.*tokens"):
        Pair(id="abc", caption="", tokens=np.array(tokens))


def test_token_integers_of_any_width_are_taken() -> None:
    assert Pair(id="a", caption="", tokens=np.array([0, 65535], np.int64)).tokens.dtype == np.uint16


def test_rows_need_ids_known_statuses_and_reasons() -> None:
    with pytest.raises(InputError, match="empty id"):
        Pair(id="", caption="a")
    with pytest.raises(InputError, match="'bad' is none of ok, filtered, failed"):
        Pair(id="a", caption="a", status="bad")
    with pytest.raises(InputError, match="needs a reason"):
        Pair(id="a", caption="a", status="filtered")


def test_a_wrong_number_of_tokens_names_the_pair() -> None:
    with pytest.raises(InputError, match=f"{make_pair(3).id} has 6 tokens, but this store is for 4"):
        pairs_to_table([make_pair(3)], 4)


def test_a_seed_beyond_64_bits_names_the_column() -> None:
    with pytest.raises(InputError, match="'seed'"):
        pairs_to_table([replace(make_pair(3), seed=2**63)])
