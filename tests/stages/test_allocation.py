"""Allocations: budgets kept to the picture, who draws what, and that rendering follows the plan."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairsmith.errors import InputError
from pairsmith.pairs import Pair, PairStore, imported_id
from pairsmith.pairs.caption_sets import BASE_KIND, read_captions
from pairsmith.stages.allocation import Allocation, AllocationSettings, allocate, distinct_generators
from pairsmith.stages.dealing import quotas
from pairsmith.stages.negative_rows import add_negative_rows
from tests.stages.models import CAPTIONS, make_captions, render

FOUR = {"masked": 1.0, "flow": 1.0, "autoregressive": 1.0, "diffusion": 1.0}


def make_store(folder: Path, count: int = 60) -> PairStore:
    rows = [
        Pair(
            id=imported_id("test", str(number)),
            caption=f"caption {number}",
            negative=f"false {number}" if number % 6 else None,
            negative_kind="object" if number % 6 else None,
            axis="text" if number % 3 == 0 else "lighting",
        )
        for number in range(count)
    ]
    return PairStore.write(folder, rows, settings={"count": count})


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> PairStore:
    return make_store(tmp_path_factory.mktemp("captions"))


@pytest.fixture(scope="module")
def both(store, tmp_path_factory) -> PairStore:
    return add_negative_rows(store, tmp_path_factory.mktemp("both") / "rows")


def by_caption(allocation: Allocation) -> dict[str, list[tuple[str, int]]]:
    found = defaultdict(list)
    for drawing in allocation.drawings():
        found[drawing.caption].append((drawing.generator, drawing.turn))
    return found


def test_negatives_become_rows(store, both):
    assert len(both) == 60 + 50
    rows = list(both.iter_pairs())
    negative = rows[2]
    assert (rows[1].caption, negative.caption, negative.negative) == ("caption 1", "false 1", "caption 1")
    assert negative.negative_kind == BASE_KIND
    assert negative.axis == rows[1].axis
    assert len({row.id for row in rows}) == len(rows)
    captions = read_captions(both)
    assert sum(captions.partners >= 0) == 100


def test_a_caption_with_two_negatives_is_refused(tmp_path):
    rows = [Pair(id=str(n), caption="x", group="g", negative=f"y{n}", negative_kind="object") for n in range(2)]
    store = PairStore.write(tmp_path / "a", rows, settings={})
    with pytest.raises(InputError, match="several negatives"):
        add_negative_rows(store, tmp_path / "b")


@pytest.mark.parametrize("views", [1, 2, 3, 4])
def test_equal_shares_and_different_generators(store, views):
    found = allocate(store, AllocationSettings(budget=60, views=views, weights=FOUR))
    assert len(found) == len(set(found.drawings())) == 60
    assert found.counts() == dict.fromkeys(sorted(FOUR), 15)
    captions = by_caption(found)
    assert len(captions) == 60 // views
    assert all(len({name for name, _ in own}) == views for own in captions.values())
    assert distinct_generators(found) == views


def test_one_generator_may_draw_every_view(store):
    found = allocate(store, AllocationSettings(budget=60, views=4, weights={"masked": 1}))
    assert all(own == [("masked", turn) for turn in range(4)] for own in by_caption(found).values())


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 60),
    st.integers(1, 5),
    st.lists(st.floats(0.1, 10), min_size=1, max_size=4),
    st.integers(0, 50),
)
def test_the_budget_is_exact(store, budget, views, shares, seed):
    weights = {f"g{number}": share for number, share in enumerate(shares)}
    found = allocate(store, AllocationSettings(budget=budget, views=views, weights=weights, seed=seed))
    assert len(found) == len(set(found.drawings())) == budget
    counts = Counter(found.counts())
    for name, wanted in quotas(weights, budget).items():
        assert counts[name] == wanted
        assert abs(wanted - budget * weights[name] / sum(shares)) < 1
    for own in by_caption(found).values():
        for name in weights:
            turns = sorted(turn for drawn, turn in own if drawn == name)
            assert turns == list(range(len(turns)))


def test_negatives_are_drawn_by_the_generators_of_their_bases(both):
    found = allocate(both, AllocationSettings(budget=80, views=2, weights=FOUR, negatives=True))
    assert len(found) == 80
    captions = by_caption(found)
    assert len(captions) == 40
    names = dict(zip(both.ids(), both.column("caption").to_pylist(), strict=True))
    drawn = {names[row]: own for row, own in captions.items()}
    for caption, own in drawn.items():
        if caption.startswith("caption"):
            assert drawn[caption.replace("caption", "false")] == own
    assert {drawing.negative for drawing in found.drawings() if names[drawing.caption].startswith("false")} == {True}


def test_axes_may_have_generators_of_their_own(store):
    found = allocate(
        store, AllocationSettings(budget=60, weights={"masked": 1, "flow": 1}, by_axis={"text": {"diffusion": 1}})
    )
    axes = dict(zip(store.ids(), store.column("axis").to_pylist(), strict=True))
    assert all((drawing.generator == "diffusion") == (axes[drawing.caption] == "text") for drawing in found.drawings())
    assert found.counts() == {"diffusion": 20, "flow": 20, "masked": 20}


def test_smaller_budgets_draw_some_of_the_same_captions(store):
    few, many = (
        set(by_caption(allocate(store, AllocationSettings(budget=budget, weights=FOUR)))) for budget in (20, 40)
    )
    assert few < many
    other = set(by_caption(allocate(store, AllocationSettings(budget=20, weights=FOUR, seed=1))))
    assert other != few


def test_files_come_back_as_they_were(store, tmp_path):
    found = allocate(store, AllocationSettings(budget=30, views=2, weights=FOUR))
    found.save(tmp_path / "plan.parquet")
    assert Allocation.load(tmp_path / "plan.parquet") == found
    (tmp_path / "other").write_text("x")
    for path in ("other", "absent"):
        with pytest.raises(InputError, match="is no allocation"):
            Allocation.load(tmp_path / path)


def test_bad_budgets(store, both, tmp_path):
    with pytest.raises(InputError, match=r"asks for 61 captions.*has 60; take a budget of at most 60"):
        allocate(store, AllocationSettings(budget=61, weights=FOUR))
    with pytest.raises(InputError, match=r"has 50; take a budget of at most 200"):
        allocate(both, AllocationSettings(budget=300, views=2, weights=FOUR, negatives=True))
    with pytest.raises(InputError, match="no rows of hard negatives; make them"):
        allocate(store, AllocationSettings(budget=6, weights=FOUR, negatives=True))
    with pytest.raises(InputError, match="cannot be shared"):
        allocate(both, AllocationSettings(budget=61, weights=FOUR, negatives=True))
    found = allocate(store, AllocationSettings(budget=6, weights={"masked": 1}))
    with pytest.raises(InputError, match="not the store"):
        found.turns(both, "masked")
    with pytest.raises(InputError, match="gives 'flow' nothing to draw; it has masked"):
        found.turns(store, "flow")
    with pytest.raises(ValueError, match="shares must be 0 or more"):
        AllocationSettings(budget=6, weights={"masked": 0})


def test_rendering_makes_what_was_allocated(tmp_path):
    captions = make_captions(tmp_path / "captions")
    plan = allocate(captions, AllocationSettings(budget=15, views=2, weights={"masked": 2, "other": 1}))
    store = render(tmp_path / "captions", tmp_path / "out", allocation=plan)
    assert len(store) == plan.counts()["masked"] == 10
    drawn = Counter(store.column("group").to_pylist())
    assert drawn == Counter(drawing.caption for drawing in plan.drawings() if drawing.generator == "masked")
    everything = render(tmp_path / "captions", tmp_path / "all", repeat=2)
    known = {pair.id: pair.tokens.tolist() for pair in everything.iter_pairs()}
    assert all(known[pair.id] == pair.tokens.tolist() for pair in store.iter_pairs())
    assert len(everything) == 2 * len(CAPTIONS)
    other = allocate(captions, AllocationSettings(budget=15, views=1, weights={"masked": 2, "other": 1}))
    with pytest.raises(InputError, match="allocation"):
        render(tmp_path / "captions", tmp_path / "out", allocation=other)
