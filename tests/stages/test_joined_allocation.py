"""Joined allocations want every picture once, and whatever each part wants."""

from __future__ import annotations

import pytest

from pairsmith.errors import InputError
from pairsmith.stages.allocation import AllocationSettings, allocate
from pairsmith.stages.joined_allocation import JoinedAllocation
from tests.stages.test_allocation import make_store

TWO = {"masked": 1.0, "flow": 1.0}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("joined") / "captions")


def test_shared_pictures_are_wanted_once(store):
    single = allocate(store, AllocationSettings(budget=40, weights={"flow": 1.0}))
    ensemble = allocate(store, AllocationSettings(budget=40, views=2, weights=TWO))
    joined = JoinedAllocation([single, ensemble])
    assert joined.counts() == {"flow": 40, "masked": 20}  # the ensemble's by flow are among the single arm's
    assert joined.turns(store, "flow") == single.turns(store, "flow")
    assert joined.turns(store, "masked") == ensemble.turns(store, "masked")
    flow = [one for plan in (single, ensemble) for one in plan.drawings() if one.generator == "flow"]
    wanted = {(one.caption, one.turn) for one in flow}
    found = joined.by("flow")
    assert set(zip(*(found.column(name).to_pylist() for name in ("caption", "turn")), strict=True)) == wanted
    assert joined.fingerprint() != JoinedAllocation([single]).fingerprint()


def test_turns_of_a_caption_are_kept_apart(store):
    several = allocate(store, AllocationSettings(budget=20, views=4, weights={"flow": 1.0}))
    once = allocate(store, AllocationSettings(budget=10, views=1, weights={"flow": 1.0}))
    turns = JoinedAllocation([once, several]).turns(store, "flow")
    assert len(turns) == len(set(turns)) == 10 + 5 * 3
    assert sorted({turn for _, turn in turns}) == [0, 1, 2, 3]


def test_what_cannot_be_joined(store, tmp_path):
    plan = allocate(store, AllocationSettings(budget=4, weights={"flow": 1.0}))
    other = allocate(make_store(tmp_path / "other", 20), AllocationSettings(budget=4, weights={"flow": 1.0}))
    with pytest.raises(InputError, match="one store"):
        JoinedAllocation([plan, other])
    with pytest.raises(InputError, match="one store"):
        JoinedAllocation([])
    with pytest.raises(InputError, match="masked"):
        JoinedAllocation([plan]).turns(store, "masked")
