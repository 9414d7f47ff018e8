"""Captions with their pictures: grouping, labels of equal texts, and who is whose negative."""

from __future__ import annotations

from pathlib import Path

import pytest

from pairsmith.errors import InputError
from pairsmith.pairs import Pair, PairStore
from pairsmith.pairs.caption_sets import BASE_KIND, NO_CAPTION, read_captions


def store_of(folder: Path, *rows: dict) -> PairStore:
    pairs = [Pair(id=f"row-{number}", **{"caption": "", **row}) for number, row in enumerate(rows)]
    return PairStore.write(folder, pairs, settings={})


def test_rows_of_one_group_are_pictures_of_one_caption(tmp_path):
    found = read_captions(
        store_of(
            tmp_path,
            {"caption": "a dog", "group": "1"},
            {"caption": "a cat", "group": "2"},
            {"caption": "a dog", "group": "1"},
            {"caption": "a dog"},
            {"caption": "a dog", "status": "failed", "reason": "broken", "group": "1"},
            {"caption": "a brown dog", "group": "1"},  # another caption of the same picture
        )
    )
    assert found.captions == ["a dog", "a cat", "a dog", "a brown dog"]
    assert [found.views(number).tolist() for number in range(4)] == [[0, 2], [1], [3], [4]]
    assert found.labels.tolist() == [0, 1, 0, 2]  # equal texts are no negatives of each other
    assert (found.partners == NO_CAPTION).all()
    assert found.negatives == [""] * 4


def test_bases_and_negatives_with_pictures_are_partners(tmp_path):
    found = read_captions(
        store_of(
            tmp_path,
            {"caption": "red dog", "negative": "blue dog", "negative_kind": "attribute", "group": "a"},
            {"caption": "red dog", "negative": "blue dog", "negative_kind": "attribute", "group": "a"},
            {"caption": "blue dog", "negative": "red dog", "negative_kind": BASE_KIND, "group": "b"},
            {"caption": "a cat", "negative": "a hat", "negative_kind": "object"},  # its negative has no picture
            {"caption": "blue dog", "negative": "red dog", "negative_kind": "attribute"},  # a base of its own
        )
    )
    assert found.partners.tolist() == [1, 0, NO_CAPTION, NO_CAPTION]
    assert found.is_negative.tolist() == [False, True, False, False]
    assert found.negatives == ["blue dog", "red dog", "a hat", "red dog"]
    assert found.negative_labels.tolist() == [found.labels[1], found.labels[0], NO_CAPTION, found.labels[0]]
    assert [found.kinds[kind] for kind in found.negative_kinds] == ["attribute", BASE_KIND, "object", "attribute"]


def test_each_negative_is_the_partner_of_one_base(tmp_path):
    base = {"caption": "red dog", "negative": "blue dog", "negative_kind": "attribute"}
    false = {"caption": "blue dog", "negative": "red dog", "negative_kind": BASE_KIND}
    found = read_captions(store_of(tmp_path, base, base, false, base, false))
    assert found.partners.tolist() == [2, 4, 0, NO_CAPTION, 1]


def test_what_cannot_be_learned_from_is_refused(tmp_path):
    with pytest.raises(InputError, match="row row-0 has no caption"):
        read_captions(store_of(tmp_path / "a", {"caption": ""}))
    with pytest.raises(InputError, match="no row of status ok"):
        read_captions(store_of(tmp_path / "b", {"caption": "x", "status": "failed", "reason": "y"}))
