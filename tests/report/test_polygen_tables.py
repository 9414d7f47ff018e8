"""The tables of a PolyGen report: figures are the files', intervals hold seeds, comparisons are in pairs."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t as student

from pairsmith.evaluation import read_metrics
from pairsmith.evaluation.scene_suite import MTL_TASKS
from pairsmith.report import polygen_tables
from pairsmith.report.numbers import decimal, signed
from pairsmith.report.polygen_run import PolygenRun
from pairsmith.report.tables import Cell, Table
from tests.report.fake_polygen import (
    CREPE,
    EXACT,
    GENERATORS,
    ITEMS,
    SEEDS,
    SUBSETS,
    figure,
    make_run,
    write_arm,
)

ARMS = {
    "single_masked": "Masked alone",
    "single_flow": "Flow alone",
    "ensemble": "Ensemble",
    "negatives": "Negatives, ramp",
    "negatives_constant": "Negatives, constant",
}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("polygen") / "run")


@pytest.fixture(scope="module")
def run(out: Path) -> PolygenRun:
    return PolygenRun(out)


def rows(table: Table | None, group: int = 0) -> dict[str, list[Cell]]:
    assert table is not None
    return {row.name: list(row.cells) for row in table.groups[group].rows}


def ends(cell: Cell) -> tuple[float, float]:
    low, high = re.findall(r"[−+]?[\d.]+", cell.detail)
    return tuple(float(end.replace("−", "-")) for end in (low, high))  # type: ignore[return-value]


def unit_scores(out: Path, arm: str, key: str) -> np.ndarray:
    """[S, U], from the files."""
    files = [json.loads((out / "evaluation" / "arms" / f"{arm}-{seed}.json").read_text()) for seed in range(SEEDS)]
    return np.array([file["units"][key]["values"] for file in files])


def half_width(scores: np.ndarray) -> float:
    """Root of the squared t-half-widths over items and over seeds."""

    def one(values: np.ndarray) -> float:
        return float(student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values)))

    return math.hypot(one(scores.mean(axis=0)), one(scores.mean(axis=1)))


def test_tasks_are_the_means_of_the_files(run: PolygenRun, out: Path) -> None:
    found = rows(polygen_tables.delta_table(run))
    assert list(found) == list(ARMS.values())
    for arm, label in ARMS.items():
        assert [cell.text for cell in found[label][2:]] == [
            decimal(figure(out, arm, key)) for key in MTL_TASKS.values()
        ]


def test_delta_mtl_is_the_mean_relative_change(run: PolygenRun, out: Path) -> None:
    found = rows(polygen_tables.delta_table(run))
    metrics = read_metrics(out)

    def change(arm: str, over: str) -> float:
        return 100 * float(np.mean([figure(out, arm, key) / figure(out, over, key) - 1 for key in MTL_TASKS.values()]))

    for arm, label in ARMS.items():
        over, beyond = found[label][:2]
        if arm == "single_masked":
            assert (over.text, over.detail) == ("0", "")
        else:
            assert (
                over.text == signed(change(arm, "single_masked")) == signed(metrics[f"polygen.{arm}.delta_mtl"].value)
            )
        if arm.startswith("single_"):
            assert beyond.text == "–"
        else:
            assert beyond.text == signed(change(arm, "single_flow"))


def test_intervals_join_items_and_seeds(run: PolygenRun, out: Path) -> None:
    tasks = rows(polygen_tables.delta_table(run))
    for arm, label in ARMS.items():
        scores = unit_scores(out, arm, "zero_shot_acc1")
        assert abs(scores.mean(axis=1)[1] - scores.mean(axis=1)[0]) > 0.5  # the seeds are not the same
        half = half_width(scores)
        assert ends(tasks[label][-1]) == pytest.approx((scores.mean() - half, scores.mean() + half), abs=0.06)


def test_differences_are_taken_item_by_item_and_seed_by_seed(run: PolygenRun, out: Path) -> None:
    table = polygen_tables.composition_table(run)
    assert table is not None
    groups = {group.title: group for group in table.groups}
    over_best = groups["Points over the best single generator, on the same items and seeds"]
    best = {key: max(("single_masked", "single_flow"), key=lambda arm: figure(out, arm, key)) for key in CREPE}
    assert set(best.values()) == {"single_masked"}  # and flow is the best in delta MTL
    assert [column.partition(", over ")[2] for column in over_best.columns] == [ARMS[best[key]] for key in CREPE]
    assert [row.name for row in over_best.rows] == ["Ensemble", "Negatives, ramp", "Negatives, constant"]
    for title, others in (
        (over_best.title, best),
        ("Points over the baseline, on the same items and seeds", dict.fromkeys(CREPE, "single_masked")),
        ("Points over the ensemble, on the same items and seeds", dict.fromkeys(CREPE, "ensemble")),
    ):
        names = {label: arm for arm, label in ARMS.items()}
        for row in groups[title].rows:
            for key, cell in zip(CREPE, row.cells, strict=True):
                assert names[row.name] != others[key]
                gaps = unit_scores(out, names[row.name], key) - unit_scores(out, others[key], key)
                half = half_width(gaps)
                assert cell.text == signed(gaps.mean())
                assert ends(cell) == pytest.approx((gaps.mean() - half, gaps.mean() + half), abs=0.06)
                assert (cell.remark == "not significant") == (abs(gaps.mean()) <= half)


def test_subsets_of_composition(run: PolygenRun, out: Path) -> None:
    table = polygen_tables.composition_table(run)
    assert [[cell.text for cell in cells] for cells in rows(table).values()] == [
        [decimal(figure(out, arm, key)) for key in CREPE] for arm in ARMS
    ]
    for group, kind in ((1, "itt"), (2, "tot")):
        assert [[cell.text for cell in cells] for cells in rows(table, group).values()] == [
            [decimal(figure(out, arm, f"sugarcrepe_pp_{kind}_{name}")) for name in SUBSETS] for arm in ARMS
        ]


def test_generators_and_budget(run: PolygenRun) -> None:
    table = polygen_tables.generator_table(run)
    assert table is not None
    assert table.groups[0].columns == ("Slope", "Gap", "Vendi score", "Class", "Exact")
    names = ("Masked", "Flow", "True pictures")
    for name, key, cells in zip(names, GENERATORS, rows(table).values(), strict=True):
        slope, gap, vendi = GENERATORS[key]
        assert list(rows(table)) == list(names)
        assert cells[0].text == signed(slope, 2)
        assert (cells[1].text, cells[2].text) == (("–", "–") if gap is None else (f"{gap:.3f}", f"{vendi:.1f}")), name
        assert cells[4].text == decimal(EXACT[key])
    assert "27.6" in table.note
    assert "0.137 (0.121 to 0.158)" in table.note
    budget = rows(polygen_tables.budget_table(run))
    assert [cell.text for cell in budget["Negatives, ramp"]] == [
        "103", "9", "12", "12", "24", "multi-positive TripletCLIP",
    ]  # fmt: skip
    assert [cell.text for cell in budget["Flow alone"]] == ["101", "–", "0", "24", "24", "CLIP"]


def test_rows_that_failed_are_counted_apart(tmp_path: Path) -> None:
    table = polygen_tables.budget_table(PolygenRun(make_run(tmp_path / "run", seeds=1, failed=5)))
    assert table is not None
    place = list(table.groups[0].columns).index("Not drawn")
    assert {label: cells[place].text for label, cells in rows(table).items()} == {
        label: "5" if arm == "ensemble" else "0" for arm, label in ARMS.items()
    }


def test_an_arm_with_fewer_seeds_is_compared_over_those_it_shares(tmp_path: Path) -> None:
    out = make_run(tmp_path / "run")
    (out / "evaluation" / "arms" / "single_masked-1.json").unlink()
    run = PolygenRun(out)
    over = run.over_best(run.scores["ensemble"], CREPE[1])
    assert over is not None
    assert over.value.value == pytest.approx(
        figure(out, "ensemble", CREPE[1], [0]) - figure(out, "single_masked", CREPE[1], [0])
    )
    assert over.value.n == ITEMS


def test_arms_without_a_common_seed_are_not_compared(tmp_path: Path) -> None:
    out = make_run(tmp_path / "run")
    arms = out / "evaluation" / "arms"
    (arms / "single_masked-0.json").unlink()
    (arms / "ensemble-1.json").unlink()
    (arms / "single_flow-1.json").unlink()
    run = PolygenRun(out)
    assert run.gap(run.scores["ensemble"], run.baseline, CREPE[1]) is None
    best = run.best()
    assert best is not None
    assert best.name == "single_masked"  # flow shares no seed with the baseline
    cells = rows(polygen_tables.delta_table(run))["Ensemble"]
    assert (cells[0].text, cells[1].text) == ("–", "–")


def test_the_best_single_generator_is_the_one_the_figures_give(tmp_path: Path) -> None:
    out = make_run(tmp_path / "run")
    best = PolygenRun(out).best()
    assert best is not None
    assert best.name == "single_flow"
    for seed in range(SEEDS):
        write_arm(out, "single_flow", seed, 1, change=-20)
    best = PolygenRun(out).best()
    assert best is not None
    assert best.name == "single_masked"
