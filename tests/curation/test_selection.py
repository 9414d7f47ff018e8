"""Selections: every rule by hand, counts, ties, seeds, and what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from pairsmith.curation.selection import PRESETS, SelectionSettings, select_pairs
from pairsmith.curation.subset import copy_selection
from pairsmith.errors import InputError
from pairsmith.pairs import Pair, PairStore
from pairsmith.pairs.feed import PairSource
from pairsmith.pairs.scores import read_selection, write_embeddings, write_scores, write_selection
from pairsmith.settings import load_settings

CLIP = [0.1, 0.9, 0.3, 0.3, 0.8, 0.5, 0.2, 0.7, 0.3, 0.6]
SSIM = [0.9, 0.1, 0.5, 0.5, 0.6, 0.6, 0.9, 0.2, 0.5, 0.8]


@pytest.fixture
def store(tmp_path: Path) -> PairStore:
    """Ten rows, two of each caption; ids run against the order of rows."""
    pairs = [
        Pair(id=f"row-{9 - number}", caption=f"caption {number // 2}", group=f"g{number // 2}", image=bytes([number]))
        for number in range(10)
    ]
    store = PairStore.write(tmp_path / "store", pairs, settings={}, shard_rows=4)
    write_scores(store, "clip", store.ids(), CLIP, {"model": "b32"})
    write_scores(store, "ssim", store.ids(), SSIM, {"base": 768})
    return store


def chosen(store: PairStore, **settings: Any) -> list[int]:
    return select_pairs(store, SelectionSettings(**settings)).chosen.tolist()


def test_ranked_by_a_sum_ties_by_id(store: PairStore) -> None:
    sums = np.array(CLIP) + 0.5 * np.array(SSIM)
    found = select_pairs(store, SelectionSettings(by="clip + 0.5 * ssim"))
    # Rows 2, 3 and 8 tie; their ids are row-7, row-6 and row-1.
    assert [at for at in found.chosen.tolist() if at in (2, 3, 8)] == [8, 3, 2]
    assert np.all(np.diff(sums[found.chosen]) <= 1e-12)
    np.testing.assert_allclose(found.selection.scores, sums[found.chosen])
    assert found.selection.ids == [f"row-{9 - at}" for at in found.chosen]


def test_top_and_fraction(store: PairStore) -> None:
    assert chosen(store, by="clip", top=3) == [1, 4, 7]
    assert chosen(store, by="clip", fraction=0.5) == [1, 4, 7, 9, 5]
    assert len(chosen(store, by="clip", fraction=0.01)) == 1
    assert len(chosen(store, by="clip", top=99)) == 10
    assert chosen(store, by="-clip", top=2) == [0, 6]


def test_thresholds_and_their_counts(store: PairStore) -> None:
    found = select_pairs(store, SelectionSettings(by="clip", thresholds=("ssim > 0.5", "clip >= 0.5"), top=2))
    assert found.chosen.tolist() == [4, 9]
    assert [(rule.rule, rule.before, rule.after) for rule in found.rules] == [
        ("every score is there", 10, 10), ("ssim > 0.5", 10, 5), ("clip >= 0.5", 5, 3), ("top 2 by clip", 3, 2),
    ]  # fmt: skip
    assert found.selection.counts["rules"][1] == {"rule": "ssim > 0.5", "before": 10, "after": 5}


def test_best_of_each_caption(store: PairStore) -> None:
    assert chosen(store, by="clip", best_of_caption=1) == [1, 4, 7, 9, 3]
    assert chosen(store, by="ssim", best_of_caption=1, best_by="clip") == [9, 4, 3, 7, 1]
    assert len(chosen(store, by="clip", best_of_caption=2)) == 10


def test_rows_without_a_group_stand_alone(tmp_path: Path) -> None:
    store = PairStore.write(tmp_path, [Pair(id=f"{at}", caption="same") for at in range(3)], settings={})
    write_scores(store, "clip", store.ids(), [1, 2, 3], {})
    assert chosen(store, by="clip", best_of_caption=1) == [2, 1, 0]


def test_the_best_of_each_kind_stays(store: PairStore) -> None:
    ids = store.ids()
    twins = [ids[0], ids[0], ids[2], ids[2], ids[0], *ids[5:]]
    write_scores(store, "near", ids, [1, 0.1, 1, 0.1, 0.1, *[1] * 5], {}, twins=twins)
    assert chosen(store, by="clip", near_duplicates="near") == [1, 7, 9, 5, 8, 3, 6]
    with pytest.raises(InputError, match="'clip' knows no twins"):
        chosen(store, by="clip", near_duplicates="clip")


def test_normalised_scores(store: PairStore) -> None:
    clip, ssim = np.array(CLIP), np.array(SSIM)
    flat = (clip - clip.min()) / (clip.max() - clip.min()) + (ssim - ssim.min()) / (ssim.max() - ssim.min())
    found = select_pairs(store, SelectionSettings(by="clip + ssim", normalize="min-max"))
    np.testing.assert_allclose(found.ranking, flat)
    scores = select_pairs(store, SelectionSettings(by="clip - ssim", normalize="z-score")).ranking
    np.testing.assert_allclose(scores, (clip - clip.mean()) / clip.std() - (ssim - ssim.mean()) / ssim.std())
    raw = select_pairs(store, SelectionSettings(by="clip", normalize="min-max", thresholds=("clip > 0.55",)))
    assert len(raw.chosen) == 4  # thresholds look at scores as they are


def test_a_random_draw_comes_from_seed_and_id(store: PairStore, tmp_path: Path) -> None:
    first, again, other = (chosen(store, by="random", top=5, seed=seed) for seed in (0, 0, 1))
    assert first == again != other
    reverse = PairStore.write(tmp_path / "reverse", reversed(list(store.iter_pairs())), settings={})
    assert {9 - at for at in chosen(reverse, by="random", top=5)} == set(first)


def test_missing_scores_are_counted_with_their_reasons(store: PairStore) -> None:
    ids = store.ids()
    values = np.where(np.arange(10) < 3, np.nan, 1.0)
    reasons = ["the row has no picture" if at < 3 else None for at in range(9)]
    write_scores(store, "itm", ids[:9], values[:9], {}, reasons=reasons)
    found = select_pairs(store, SelectionSettings(by="clip * itm"))
    assert found.rules[0].after == 6
    assert found.missing["itm"] == (4, ["the row has no picture (3)"])
    assert found.selection.counts["missing"] == {"clip": 0, "itm": 4}
    with pytest.raises(InputError, match=r"no pair is left .*itm > 2: 0 of 6; 4 rows lack itm"):
        chosen(store, by="itm", thresholds=("itm > 2",))


def test_what_is_not_there_is_named(store: PairStore) -> None:
    with pytest.raises(InputError, match="no scores named 'itm'; there are: clip, ssim"):
        chosen(store, by="itm")
    with pytest.raises(InputError, match="no embeddings named 'embedding'"):
        chosen(store, by="clip", top=3, diversity={"by": "clusters"})
    with pytest.raises(ValidationError, match="two answers"):
        SelectionSettings(by="clip", top=3, fraction=0.1)
    with pytest.raises(ValidationError, match="needs a number of rows"):
        SelectionSettings(by="clip", diversity={"by": "clusters"})


def test_unlike_rows(store: PairStore) -> None:
    vectors = np.repeat(np.eye(3, dtype=np.float32), [5, 4, 1], axis=0)
    vectors[7] = np.nan
    write_embeddings(store, "embedding", store.ids(), vectors, {})
    spread = chosen(store, by="clip", top=3, diversity={"by": "facility-location"})
    assert sorted(int(np.flatnonzero(vectors[at])[0]) for at in spread) == [0, 1, 2]
    assert spread[0] == 1  # the best of the fullest
    quotas = chosen(store, by="clip", top=4, diversity={"by": "clusters", "clusters": 3})
    assert quotas == [1, 5, 9, 4]
    found = select_pairs(store, SelectionSettings(by="clip", top=3, diversity={"by": "facility-location"}))
    assert ("embeddings embedding are there", 10, 9) in [(r.rule, r.before, r.after) for r in found.rules]


def test_the_published_formula_is_a_preset(store: PairStore) -> None:
    settings = load_settings(SelectionSettings, PRESETS["synthvlm"], None, ["fraction=0.4"])
    sums = np.array(CLIP) + 0.5 * np.array(SSIM)
    best = [1, 3, 4, 7, 9]  # by clip in each caption; 2 and 3 tie and row-6 comes before row-7
    expected = sorted(best, key=lambda at: -sums[at])[:2]
    assert select_pairs(store, settings).chosen.tolist() == expected


def test_a_selection_file_tells_how_it_came_about(store: PairStore) -> None:
    found = select_pairs(store, SelectionSettings(by="clip + 0.5 * ssim", top=4))
    path = write_selection(store, "best", found.selection)
    first = path.read_bytes()
    write_selection(store, "best", select_pairs(store, SelectionSettings(by="clip + 0.5 * ssim", top=4)).selection)
    assert path.read_bytes() == first
    back = read_selection(store, "best")
    assert back.ids == found.selection.ids
    assert back.settings["selection"]["by"] == "clip + 0.5 * ssim"
    assert set(back.settings["inputs"]) == {"clip", "ssim"}
    assert back.counts["chosen"] == 4


def test_a_feed_and_a_store_of_the_chosen_rows(store: PairStore, tmp_path: Path) -> None:
    found = select_pairs(store, SelectionSettings(by="clip", top=3))
    write_selection(store, "best", found.selection)
    source = PairSource.of_selection(store, ["id", "image"], "best")
    assert source.collate(range(len(source)), [0] * 3) == {
        "id": ["row-8", "row-5", "row-2"], "image": [b"\x01", b"\x04", b"\x07"],
    }  # fmt: skip
    copied = copy_selection(store, found.selection, tmp_path / "copy", shard_rows=2)
    assert list(copied.iter_pairs()) == [store.pair(at) for at in found.chosen]
    assert copied.manifest.inputs == {"pairs": store.fingerprint}
