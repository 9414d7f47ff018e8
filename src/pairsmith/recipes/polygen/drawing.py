"""From allocations to pictures: plans first, then every picture once, then each arm's own rows.

    allocations/ARM.parquet      what an arm draws, written before anything is drawn
    pictures/GENERATOR/          what a generator drew, for all arms together
    arms/ARM/                    an arm's rows, as many as its budget

A row that could not be drawn (a safety checker, broken weights) stays in the arm as a row that failed; the budget is
what was asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pairsmith.errors import InputError, PairsmithError
from pairsmith.pairs import Pair, PairStore
from pairsmith.pairs.schema import table_to_pairs
from pairsmith.recipes.polygen.arms import Arm
from pairsmith.recipes.polygen.settings import PolygenSettings
from pairsmith.recipes.reporter import Reporter
from pairsmith.stages.allocation import Allocation, Drawing, allocate
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
    made = Counter(row.generator or "" for row in store.iter_pairs(["generator"], status=None))
    drawn = {name: made[name] for name in sorted(made)}
    if drawn != plan.counts():
        raise PairsmithError(f"{store.folder} holds {drawn} pictures, and the plan is {plan.counts()}")
    sides = {side: len({d.caption for d in plan.drawings if d.negative is side}) for side in (False, True)}
    return {
        "planned": plan.counts(),
        "drawn": drawn,
        "failed": store.counts()["failed"],
        "captions": sides[False],
        "negatives": sides[True],
    }


def _arm_rows(arm: Arm, plan: Allocation, stores: Mapping[str, PairStore]) -> Iterator[Pair]:
    drawn = {name: _Drawn(store) for name, store in stores.items()}
    for start in range(0, len(plan.drawings), _ROWS_AT_ONCE):
        part = plan.drawings[start : start + _ROWS_AT_ONCE]
        found: dict[int, Pair] = {}
        for name, store in drawn.items():
            numbers = [number for number, drawing in enumerate(part) if drawing.generator == name]
            found |= dict(zip(numbers, store.rows([part[number] for number in numbers]), strict=True))
        yield from (replace(found[number], tokens=None) for number in range(len(part)))


class _Drawn:
    """The rows of a generator by drawing, whatever became of them.

    Args:
        store: of the render stage, which makes a caption's turns in order from 0.
    """

    def __init__(self, store: PairStore) -> None:
        self._store = store
        table = store.table(["id", "group"], status=None).to_pydict()
        turns: Counter[str] = Counter()
        self._ids: dict[tuple[str, int], str] = {}
        for row_id, caption in zip(table["id"], table["group"], strict=True):
            self._ids[caption, turns[caption]] = row_id
            turns[caption] += 1
        self._failed = {row.id: row for row in store.iter_pairs(status="failed")}

    def rows(self, drawings: Sequence[Drawing]) -> list[Pair]:
        """
        Raises:
            PairsmithError: a drawing has no row.
        """
        missing = [drawing for drawing in drawings if (drawing.caption, drawing.turn) not in self._ids]
        if missing:
            raise PairsmithError(f"{self._store.folder} has no picture of caption {missing[0].caption}")
        ids = [self._ids[drawing.caption, drawing.turn] for drawing in drawings]
        good = [row_id for row_id in ids if row_id not in self._failed]
        rows = table_to_pairs(self._store.take(self._store.positions(good))) if good else []
        known = {**self._failed, **{row.id: row for row in rows}}
        return [known[row_id] for row_id in ids]
