"""An arm's rows are its plan's pictures, in the plan's order, also where a generator failed; and what is left over."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from pairsmith.errors import InputError, PairsmithError
from pairsmith.pairs import Pair, PairStore
from pairsmith.recipes.polygen.arms import Arm, make_arms
from pairsmith.recipes.polygen.drawing import count_drawn, gather_arm, plan_arms
from pairsmith.recipes.polygen.examination import choose_captions
from pairsmith.recipes.polygen.settings import PolygenSettings
from pairsmith.stages.allocation import Allocation
from pairsmith.stages.joined_allocation import JoinedAllocation
from pairsmith.stages.negative_rows import add_negative_rows
from tests.recipes.polygen.tiny import small_settings

SETTINGS = small_settings(
    "arms=[single, repeated, ensemble, negatives]", "views=3", "clip.training.batch_size=9", "budget=22"
)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> PairStore:
    folder = tmp_path_factory.mktemp("captions")
    made = [
        Pair(id=f"{number:02}", caption=f"caption {number}", negative=f"false {number}", negative_kind="object")
        for number in range(40)
    ]
    return add_negative_rows(PairStore.write(folder / "a", made, settings={}), folder / "b")


def draw(rows: PairStore, plans: list[Allocation], name: str, folder: Path, left_out: int = 0) -> PairStore:
    """What a render stage would leave: of every eleventh drawing, a failed row."""
    pairs = []
    turns = JoinedAllocation(plans).turns(rows, name)
    for number, (position, turn) in enumerate(turns[: len(turns) - left_out]):
        caption = rows.pair(position)
        failed = number % 11 == 4
        pairs.append(
            Pair(
                id=f"{name}-{caption.id}-{turn}",
                caption=caption.caption,
                group=caption.id,
                generator=name,
                image=None if failed else f"{name} {caption.id} {turn}".encode(),
                status="failed" if failed else "ok",
                reason="flagged" if failed else "",
            )
        )
    return PairStore.write(folder / name, pairs, settings={}, shard_rows=7)


def named(arms: tuple[Arm, ...] | list[Arm], name: str) -> Arm:
    return next(arm for arm in arms if arm.name == name)


def test_arms_hold_their_drawings_in_order(rows: PairStore, tmp_path: Path) -> None:
    arms = make_arms(SETTINGS)
    plans = plan_arms(SETTINGS, arms, rows, tmp_path / "plans")
    assert plan_arms(SETTINGS, arms, rows, tmp_path / "plans") == plans  # from their files
    pictures = {name: draw(rows, list(plans.values()), name, tmp_path) for name in ("masked", "flow")}
    failed = 0
    for arm in arms:
        plan = plans[arm.name]
        store = gather_arm(arm, plan, rows, {n: pictures[n] for n in plan.counts()}, tmp_path / "arms" / arm.name)
        found = list(store.iter_pairs(status=None))
        wanted = plan.drawings()
        assert [row.id for row in found] == [f"{one.generator}-{one.caption}-{one.turn}" for one in wanted]
        for row, one in zip(found, wanted, strict=True):
            picture = f"{one.generator} {one.caption} {one.turn}".encode()
            assert (row.image, row.reason) == ((picture, "") if row.status == "ok" else (None, "flagged"))
        failed += store.counts()["failed"]
        assert count_drawn(plan, store) == {
            "planned": plan.counts(),
            "drawn": dict(sorted(Counter(one.generator for one in wanted).items())),
            "failed": store.counts()["failed"],
            "captions": len({one.caption for one in wanted if not one.negative}),
            "negatives": len({one.caption for one in wanted if one.negative}),
        }
    assert failed > 0
    single = tmp_path / "arms" / "single_flow"
    with pytest.raises(PairsmithError, match="and the plan is"):
        count_drawn(plans["ensemble"], PairStore(single))


@pytest.mark.parametrize("name", ["repeated_flow", "single_flow"])
def test_a_missing_picture_is_named(rows: PairStore, tmp_path: Path, name: str) -> None:
    """The last caption lacks its last turn, or is absent."""
    arm = named(make_arms(SETTINGS), name)
    plan = plan_arms(SETTINGS, [arm], rows, tmp_path / "plans")[name]
    position, _ = plan.turns(rows, "flow")[-1]
    pictures = {"flow": draw(rows, [plan], "flow", tmp_path, left_out=1)}
    with pytest.raises(PairsmithError, match=f"no picture of caption {rows.pair(position).id}"):
        gather_arm(arm, plan, rows, pictures, tmp_path / "arm")


def test_another_plan_in_the_folder_is_refused(rows: PairStore, tmp_path: Path) -> None:
    arms = [named(make_arms(SETTINGS), "ensemble")]
    plan_arms(SETTINGS, arms, rows, tmp_path)
    other: PolygenSettings = SETTINGS.model_copy(update={"seed": 5})
    with pytest.raises(InputError, match="holds another plan"):
        plan_arms(other, arms, rows, tmp_path)


def test_the_examination_takes_captions_that_nobody_draws(rows: PairStore, tmp_path: Path) -> None:
    arms = [named(make_arms(SETTINGS), name) for name in ("single_flow", "negatives")]
    plans = list(plan_arms(SETTINGS, arms, rows, tmp_path / "plans").values())
    used = {one.caption for plan in plans for one in plan.drawings()}
    found = choose_captions(SETTINGS, rows, plans, tmp_path / "unseen")
    assert len(found) == SETTINGS.examination.captions == len(set(found.ids()) - used)
    assert all(row.caption.startswith("caption") for row in found.iter_pairs())
    sizes = SETTINGS.examination.model_copy(update={"captions": 19})
    many = SETTINGS.model_copy(update={"examination": sizes})
    with pytest.raises(InputError, match="leave 18 captions"):  # 40, of which the single arm draws 22
        choose_captions(many, rows, plans, tmp_path / "many")
