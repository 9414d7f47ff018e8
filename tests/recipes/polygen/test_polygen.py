"""The recipe from end to end: arms, exact budgets, what is passed over, and what a kill leaves."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import open_clip
import pytest

from pairsmith.errors import InputError
from pairsmith.evaluation import read_metrics
from pairsmith.pairs import PairStore
from pairsmith.pairs.caption_sets import BASE_KIND
from pairsmith.pairs.verify import verify
from pairsmith.recipes.polygen.arms import make_arms
from pairsmith.recipes.polygen.encoders import model_folder
from pairsmith.recipes.polygen.recipe import run_polygen
from pairsmith.recipes.polygen.results import collect_metrics
from pairsmith.report import write_report
from pairsmith.scenes import read
from pairsmith.stages.allocation import Allocation
from tests.recipes.polygen.tiny import small_settings

# Dies at the ninth batch of pictures, in the middle of the second generator's shards or of the first one's.
KILLED = """
import os, signal, sys
from pathlib import Path
from pairsmith.recipes.polygen.recipe import run_polygen
from pairsmith.stages.token_renderer import TokenRenderer
from tests.recipes.polygen.tiny import small_settings
draw, left = TokenRenderer.draw, [9]
def dying(self, *args):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    return draw(self, *args)
TokenRenderer.draw = dying
run_polygen(small_settings(), Path(sys.argv[1]))
"""
ARMS = ("single_masked", "single_flow", "ensemble", "negatives", "negatives_constant")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "whole"
    run_polygen(small_settings(), out)
    return out


def rows_of(out: Path, arm: str) -> list:
    return list(PairStore(out / "arms" / arm).iter_pairs(status=None))


def test_every_arm_has_its_budget_to_the_picture(finished: Path) -> None:
    for arm in ARMS:
        rows = rows_of(finished, arm)
        plan = Allocation.load(finished / "allocations" / f"{arm}.parquet")
        assert len(rows) == len({row.id for row in rows}) == len(plan) == 24
        assert dict(Counter(row.generator for row in rows)) == plan.counts()
        assert [(row.group, row.generator) for row in rows] == [(d.caption, d.generator) for d in plan.drawings()]
        assert read_metrics(finished)[f"polygen.{arm}.images"].value == 24


def test_arms_spend_the_budget_as_they_say(finished: Path) -> None:
    single, ensemble, negatives = (rows_of(finished, name) for name in ("single_flow", "ensemble", "negatives"))
    assert len({row.group for row in single}) == 24
    assert Counter(row.group for row in ensemble).most_common()[-1][1] == 2
    assert len({row.group for row in ensemble}) == 12
    false = [row for row in negatives if row.negative_kind == BASE_KIND]
    assert len(false) == 12
    assert {row.negative for row in false} == {row.caption for row in negatives if row.negative_kind != BASE_KIND}
    # What two arms show is one picture: the ensemble's are among those of the single arms.
    drawn = {row.id: row.image for name in ("single_masked", "single_flow") for row in rows_of(finished, name)}
    assert all(drawn[row.id] == row.image for row in ensemble)


def test_negatives_can_be_drawn_and_say_something_else(finished: Path) -> None:
    for row in PairStore(finished / "negatives").iter_pairs():
        assert read(row.negative or "") not in (None, read(row.caption))


def test_the_examination_uses_captions_of_no_arm(finished: Path) -> None:
    unseen = set(PairStore(finished / "examination" / "captions").ids())
    assert len(unseen) == 6
    for arm in ARMS:
        assert not unseen & {row.group for row in rows_of(finished, arm)}
    found = json.loads((finished / "evaluation" / "generators.json").read_text())
    assert set(found["generators"]) == {"masked", "flow", "true pictures"}
    assert found["captions"] == 6


def test_equal_steps_and_the_keys_of_the_contract(finished: Path) -> None:
    entries = [json.loads(file.read_text()) for file in (finished / "evaluation" / "arms").glob("*.json")]
    assert {entry["arm"] for entry in entries} == set(ARMS)
    assert {entry["steps"] for entry in entries} == {6}  # two epochs of 24 pictures, eight a step
    metrics = read_metrics(finished)
    for key in (
        "polygen.ensemble.delta_mtl",
        "polygen.best_single.delta_mtl",
        "polygen.negatives.sugarcrepe_pp_itt",
        "polygen.ensemble.over_best_single.delta_mtl",
        "polygen.curriculum.sugarcrepe_pp_itt",
        "polygen.ensemble.generator_probe",
    ):
        assert key in metrics
    assert metrics["polygen.single_masked.delta_mtl"].value == 0  # the baseline
    assert metrics["polygen.best_single.delta_mtl"].value >= 0
    best = max(("masked", "flow"), key=lambda name: metrics[f"polygen.single_{name}.delta_mtl"].value)
    assert metrics["polygen.best_single.sugarcrepe_macro"] == metrics[f"polygen.single_{best}.sugarcrepe_macro"]


def test_stores_are_whole_and_models_load_elsewhere(finished: Path) -> None:
    for name in ("captions", "negatives", "rows", "pictures/masked", "pictures/flow", "arms/ensemble"):
        assert verify(finished / name).problems == ()
    open_clip.create_model(f"local-dir:{model_folder(finished, 'negatives', 0)}")


def test_a_finished_run_is_not_done_again(finished: Path) -> None:
    def times() -> dict[str, int]:
        again = {"metrics.json", "environment.json", "settings.yaml", "budgets.json", "report.html"}
        files = [file for file in finished.rglob("*") if file.is_file() and file.suffix != ".lock"]
        return {str(file): file.stat().st_mtime_ns for file in files if file.name not in again}

    before = times()
    run_polygen(small_settings(), finished)
    assert times() == before


def test_a_resumed_run_opens_no_generator_that_has_drawn(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*args: object) -> None:
        raise AssertionError("a model was opened")

    monkeypatch.setattr("pairsmith.recipes.polygen.recipe.open_generator", opened)
    monkeypatch.setattr("pairsmith.recipes.polygen.captioning._writer", opened)
    monkeypatch.setattr("pairsmith.recipes.polygen.captioning._negatives", opened)
    budgets = finished / "evaluation" / "budgets.json"
    before = budgets.read_bytes()
    budgets.unlink()
    run_polygen(small_settings(), finished)
    assert budgets.read_bytes() == before


def test_a_killed_run_goes_on_to_the_same_pictures(finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    done = subprocess.run([sys.executable, "-c", KILLED, str(out)], check=False, timeout=300)
    assert done.returncode == -signal.SIGKILL
    assert len(list((out / "allocations").glob("*.parquet"))) == len(ARMS)  # written before anything was drawn
    assert not (out / "arms").exists()
    run_polygen(small_settings(), out)
    for arm in ARMS:
        assert [(row.id, row.image) for row in rows_of(out, arm)] == [
            (row.id, row.image) for row in rows_of(finished, arm)
        ]
    for name in ("masked", "flow"):
        assert PairStore(out / "pictures" / name).fingerprint == PairStore(finished / "pictures" / name).fingerprint
    theirs, ours = read_metrics(finished), read_metrics(out)
    assert {key: value.value for key, value in ours.items()} == pytest.approx(
        {key: value.value for key, value in theirs.items()}
    )


def test_trainings_side_by_side_end_in_the_same_figures(finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "side_by_side"
    run_polygen(small_settings(), out, at_once=2)
    for file in sorted((finished / "evaluation" / "arms").glob("*.json")):
        theirs, ours = json.loads(file.read_text()), json.loads((out / "evaluation" / "arms" / file.name).read_text())
        assert ours["steps"] == theirs["steps"]
        for key, value in theirs["metrics"].items():
            assert ours["metrics"][key]["value"] == pytest.approx(value["value"], abs=1e-6), (file.name, key)


def test_more_seeds_join(finished: Path) -> None:
    settings = small_settings("seeds=2")
    folder = finished / "evaluation" / "arms"
    try:
        for arm in make_arms(settings):
            entry = json.loads((folder / f"{arm.name}-0.json").read_text())
            (folder / f"{arm.name}-1.json").write_text(json.dumps({**entry, "seed": 1}))
        two = collect_metrics(settings, finished)
    finally:
        for file in folder.glob("*-1.json"):
            file.unlink()
    one = read_metrics(finished)
    key = "polygen.ensemble.delta_mtl"
    assert two[key].value == pytest.approx(one[key].value)
    assert "polygen.ensemble.sugarcrepe_pp_itt" in two


def test_other_settings_and_plans_are_refused(finished: Path) -> None:
    with pytest.raises(InputError, match="budget"):
        run_polygen(small_settings("budget=48"), finished)


def test_too_few_captions_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="larger caption_count"):
        run_polygen(small_settings("caption_count=16"), tmp_path / "a")
    with pytest.raises(InputError, match="examination needs"):
        run_polygen(small_settings("examination.captions=40"), tmp_path / "b")


def test_the_report_stands_on_a_finished_and_on_a_begun_run(finished: Path, tmp_path: Path) -> None:
    text = write_report(finished).read_text()
    for words in ("Δ MTL", "multi-positive TripletCLIP", "Points over the best single", "chance is 50.0"):
        assert words in text
    assert text.count("<img") >= 8
    begun = tmp_path / "begun"
    begun.mkdir()
    (begun / "settings.yaml").write_text((finished / "settings.yaml").read_text())
    text = write_report(begun).read_text()
    assert "This run is unfinished" in text
    assert "No arm has results yet." in text
