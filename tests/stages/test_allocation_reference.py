"""Plans are those of a slow and obvious algorithm on lists, drawing for drawing, so that old runs' files stay valid."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pairsmith.errors import InputError
from pairsmith.pairs import Pair, PairStore
from pairsmith.pairs.caption_sets import BASE_KIND
from pairsmith.seeds import numpy_generator, row_seed
from pairsmith.settings import canonical_json
from pairsmith.stages import allocation
from pairsmith.stages.allocation import Allocation, AllocationSettings, Drawing, allocate
from pairsmith.stages.dealing import quotas

AXES = ("text", "lighting", "", None)
NAMES = ("masked", "flow", "autoregressive", "diffusion")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> PairStore:
    """Captions that come again with the same or another negative, negatives far from their bases or without one."""
    rows = [
        Pair(
            id=f"base-{number}",
            caption=f"caption {number % 31}",
            negative=f"false {number % 31}" if number % 5 else None,
            negative_kind="object" if number % 5 else None,
            axis=AXES[number % 4],
            status="failed" if number % 11 == 3 else "ok",
            reason="broken" if number % 11 == 3 else "",
        )
        for number in range(48)
    ]
    for number in range(0, 40, 3):
        kinds: dict[str, Any] = {"negative": f"caption {number % 31}", "negative_kind": BASE_KIND}
        row = Pair(id=f"shown-{number}", caption=f"false {number % 31}", axis="text", **kinds)
        rows.insert(number * 7 % 45, row)
    rows.append(Pair(id="shown-alone", caption="false", negative="nobody's", negative_kind=BASE_KIND))
    return PairStore.write(tmp_path_factory.mktemp("captions") / "store", rows, settings={}, shard_rows=9)


def reference(store: PairStore, plan: AllocationSettings) -> list[Drawing]:
    """The plan, one caption and one picture after another."""
    rows = list(store.iter_pairs())
    sides = 2 if plan.negatives else 1
    shown = {(row.negative, row.caption): row.id for row in rows if row.negative_kind == BASE_KIND}
    bases = [row for row in rows if row.negative_kind != BASE_KIND]
    if plan.negatives:
        bases = [row for row in bases if (row.caption, row.negative or "") in shown]
    slots = plan.budget // sides
    wanted = -(-slots // plan.views)
    if plan.budget % sides or wanted > len(bases):
        raise InputError("this budget cannot be spent")
    chosen = sorted(bases, key=lambda row: row_seed(plan.seed, row.id, "allocation"))[:wanted]
    views = [min(plan.views, slots - place * plan.views) for place in range(wanted)]
    groups = [(row.axis or "") if (row.axis or "") in plan.by_axis else None for row in chosen]
    drawn: list[list[str]] = [[] for _ in chosen]
    for group in dict.fromkeys(groups):
        members = [place for place, own in enumerate(groups) if own == group]
        rng = numpy_generator(plan.seed, f"axis {group}", "allocation")
        weights = plan.weights if group is None else plan.by_axis[group]
        left = quotas(weights, sum(views[place] for place in members))
        for place in members:
            for _ in range(views[place]):
                able = [name for name in left if left[name] > 0]
                able = [name for name in able if name not in drawn[place]] or able
                best = [name for name in able if left[name] == max(left[other] for other in able)]
                name = best[int(rng.integers(len(best)))]
                drawn[place].append(name)
                left[name] -= 1
    found = []
    for row, names in zip(chosen, drawn, strict=True):
        for row_id in (row.id, shown.get((row.caption, row.negative or "")))[:sides]:
            turns: Counter[str] = Counter()
            for name in names:
                found.append(Drawing(row_id, name, turns[name], row_id != row.id))
                turns[name] += 1
    return found


def old_file(path: Path, plan: AllocationSettings, captions: str, drawings: list[Drawing]) -> None:
    """Plain columns in one table, and settings and store in the schema."""
    kinds = {"caption": pa.string(), "generator": pa.string(), "turn": pa.int32(), "negative": pa.bool_()}
    columns = {name: pa.array([getattr(one, name) for one in drawings], kind) for name, kind in kinds.items()}
    marks = {b"pairsmith.settings": canonical_json(plan).encode(), b"pairsmith.captions": captions.encode()}
    pq.write_table(pa.table(columns).replace_schema_metadata(marks), path)


shares = st.dictionaries(st.sampled_from(NAMES), st.sampled_from([0.0, 0.3, 1.0, 1.0, 1.0, 2.0, 7.5]), min_size=1)
weights = shares.filter(lambda found: sum(found.values()) > 0)
plans = st.builds(
    AllocationSettings,
    budget=st.integers(1, 120),
    views=st.integers(1, 7),
    weights=weights,
    by_axis=st.dictionaries(st.sampled_from(["text", "lighting", ""]), weights),
    negatives=st.booleans(),
    seed=st.integers(0, 1000),
).map(lambda plan: plan.model_copy(update={"budget": plan.budget + plan.budget % 2}) if plan.negatives else plan)


@settings(max_examples=80, deadline=None)
@given(plans, st.sampled_from([5, 16, 1 << 20]))
@example(AllocationSettings(budget=42, views=4, weights=dict.fromkeys(NAMES, 1.0), negatives=True), 5)
@example(AllocationSettings(budget=39, views=7, weights={"flow": 1.0, "masked": 2.0}), 16)
def test_plans_are_those_of_the_reference(store: PairStore, plan: AllocationSettings, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(allocation, "_BLOCK", block)
        try:
            wanted = reference(store, plan)
        except InputError:
            with pytest.raises(InputError):
                allocate(store, plan)
            return
        found = allocate(store, plan)
        assert found.drawings() == wanted
        assert found.counts() == dict(sorted(Counter(one.generator for one in wanted).items()))
        assert found.caption_ids(negative=False).to_pylist() == list(
            dict.fromkeys(one.caption for one in wanted if not one.negative)
        )
        places = {name: at for at, name in enumerate(store.ids())}
        for name in found.counts():
            own = [one for one in wanted if one.generator == name]
            assert found.caption_ids(name).to_pylist() == list(dict.fromkeys(one.caption for one in own))
            assert list(found.turns(store, name)) == sorted((places[one.caption], one.turn) for one in own)


@pytest.mark.parametrize("negatives", [False, True])
def test_files_with_plain_columns_are_read(store: PairStore, tmp_path: Path, negatives: bool) -> None:
    plan = AllocationSettings(budget=34, views=3, weights={"masked": 1, "flow": 3}, negatives=negatives)
    found = allocate(store, plan)
    old_file(tmp_path / "old.parquet", plan, store.fingerprint, found.drawings())
    found.save(tmp_path / "new.parquet")
    assert Allocation.load(tmp_path / "old.parquet") == found == Allocation.load(tmp_path / "new.parquet")
    old, new = (pq.read_table(tmp_path / f"{name}.parquet") for name in ("old", "new"))
    assert old.schema.equals(new.schema, check_metadata=True)
    assert old.equals(new)
    other = found.drawings()
    other[3] = Drawing(other[4].caption, other[3].generator, 9, other[3].negative)
    old_file(tmp_path / "other.parquet", plan, store.fingerprint, other)
    assert Allocation.load(tmp_path / "other.parquet") != found


def test_a_file_with_an_unknown_generator_is_no_plan(store: PairStore, tmp_path: Path) -> None:
    plan = AllocationSettings(budget=1, weights={"masked": 1})
    old_file(tmp_path / "plan.parquet", plan, store.fingerprint, [Drawing("base-1", "stranger", 0)])
    with pytest.raises(InputError, match="is no allocation"):
        Allocation.load(tmp_path / "plan.parquet")
