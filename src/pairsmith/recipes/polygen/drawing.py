"""From allocations to pictures: plans first, then every picture once, then each arm's own rows.

    allocations/ARM.parquet      what an arm draws, written before anything is drawn
    pictures/GENERATOR/          what a generator drew, for all arms together
    arms/ARM/                    an arm's rows, as many as its budget

A row that could not be drawn (a safety checker, broken weights) stays in the arm as a row that failed; the budget is
what was asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pairsmith.errors import InputError, PairsmithError
from pairsmith.pairs import Pair, PairStore
from pairsmith.pairs.schema import table_to_pairs
from pairsmith.recipes.polygen.arms import Arm
from pairsmith.recipes.polygen.settings import PolygenSettings
from pairsmith.recipes.reporter import Reporter
from pairsmith.stages.allocation import Allocation, allocate
from pairsmith.stages.joined_allocation import JoinedAllocation
from pairsmith.stages.render import render_captions
from pairsmith.stages.renderer import Renderer

ALLOCATIONS, PICTURES, ARMS = "allocations", "pictures", "arms"
_ROWS_AT_ONCE = 500


def plan_arms(settings: PolygenSettings, arms: Sequence[Arm], rows: PairStore, folder: Path) -> dict[str, Allocation]:
    """Every arm's allocation, from its file or written there; arm -> allocation.

    Raises:
        InputError: too few captions for a budget, or a file that another plan left.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, Allocation] = {}
    for arm in arms:
        file = folder / f"{arm.name}.parquet"
        try:
            plan = allocate(rows, arm.allocation(settings))
        except InputError as error:
            raise InputError(f"arm {arm.name}: {error}; or set a larger caption_count") from error
        if not file.is_file():
            plan.save(file)
        elif Allocation.load(file) != plan:
            raise InputError(f"{file} holds another plan than these settings and captions give: use another --out")
        found[arm.name] = plan
    return found


def draw_pictures(
    settings: PolygenSettings,
    rows: PairStore,
    plans: Sequence[Allocation],
    renderer: Renderer,
    folder: Path,
    reporter: Reporter,
) -> PairStore:
    """All pictures that any plan wants of one generator."""
    return render_captions(
        rows,
        renderer,
        folder,
        allocation=JoinedAllocation(plans),
        shard_rows=settings.render.shard_rows,
        batch_rows=settings.render.batch_rows,
        progress=reporter.rows(f"pictures by {renderer.name}"),
    )


def gather_arm(
    arm: Arm, plan: Allocation, rows: PairStore, pictures: Mapping[str, PairStore], folder: Path
) -> PairStore:
    """An arm's rows: its part of what the generators drew, caption by caption, without tokens.

    Raises:
        PairsmithError: a picture of the plan is not there.
    """
    stores = {name: pictures[name] for name in plan.counts()}
    return PairStore.write(
        folder,
        _arm_rows(arm, plan, stores),
        settings={"stage": "arm", "arm": arm.name},
        inputs={
            "captions": rows.fingerprint,
            "allocation": plan.fingerprint(),
            **{f"pictures/{name}": store.fingerprint for name, store in stores.items()},
        },
    )


def count_drawn(plan: Allocation, store: PairStore) -> dict[str, Any]:
    """An arm's budget beside what was made of it.

    Returns:
        "planned" and "drawn": generator -> pictures asked for and rows made; "failed": rows without a picture;
        "captions" and "negatives": different ones.

    Raises:
        PairsmithError: not exactly the pictures of the plan.
    """
    made = pc.value_counts(store.table(["generator"], status=None).column("generator").fill_null(""))
    drawn = dict(sorted((one["values"], one["counts"]) for one in made.to_pylist()))
    if drawn != plan.counts():
        raise PairsmithError(f"{store.folder} holds {drawn} pictures, and the plan is {plan.counts()}")
    return {
        "planned": plan.counts(),
        "drawn": drawn,
        "failed": store.counts()["failed"],
        "captions": len(plan.caption_ids(negative=False)),
        "negatives": len(plan.caption_ids(negative=True)),
    }


def _arm_rows(arm: Arm, plan: Allocation, stores: Mapping[str, PairStore]) -> Iterator[Pair]:
    numbers = plan.numbers()  # [budget]
    places = {name: plan.settings.generators().index(name) for name in stores}
    at = np.empty(len(plan), np.int64)  # [budget]: each drawing's row in its generator's store
    for name, store in stores.items():
        at[numbers == places[name]] = _row_numbers(plan.by(name), store)
    for start in range(0, len(plan), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        found: dict[int, Pair] = {}
        for name, store in stores.items():
            own = np.flatnonzero(numbers[part] == places[name])
            if len(own):
                rows, back = np.unique(at[part][own], return_inverse=True)
                pairs = table_to_pairs(store.take_rows(rows).take(pa.array(back)))
                found |= dict(zip(own.tolist(), pairs, strict=True))
        yield from (replace(found[number], tokens=None) for number in range(len(at[part])))


def _row_numbers(drawings: pa.Table, store: PairStore) -> NDArray[np.int64]:
    """The number of each drawing's row among all rows of a generator's store, whatever became of it.

    Args:
        drawings: of one generator, columns `caption` and `turn`, [n] rows.
        store: of the render stage, which makes a caption's turns in order from 0.

    Returns:
        int64 [n].

    Raises:
        PairsmithError: a drawing has no row.
    """
    groups = store.table(["group"], status=None).column("group")
    captions = pc.unique(groups)  # [C]
    codes = pc.index_in(groups, value_set=captions).to_numpy()  # [rows]
    order = np.argsort(codes, kind="stable")  # caption by caption, turns in order
    starts = np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=len(captions)))])  # [C + 1]
    own = pc.fill_null(pc.index_in(drawings.column("caption"), value_set=captions), -1).to_numpy()  # [n]
    rows = starts[own] + drawings.column("turn").to_numpy()
    missing = np.flatnonzero((own < 0) | (rows >= starts[own + 1]))
    if len(missing):
        raise PairsmithError(f"{store.folder} has no picture of caption {drawings.column('caption')[int(missing[0])]}")
    return np.asarray(order[rows], np.int64)
