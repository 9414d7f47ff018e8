"""Tables: verdicts, the run's rows beside the paper's, and dashes."""

from __future__ import annotations

import math

import numpy as np

from pairsmith.evaluation.bootstrap import Interval
from pairsmith.report.arms import Difference, join_seeds
from pairsmith.report.paper_tables import Sizes, diversity_table, table_2, table_3, table_5
from pairsmith.report.tables import attribute_table, cell, curve_table, seeds_note, verdict
from tests.report.test_arms import entry

VALUE = Interval(5.0, 1.0, 9.0, 20)


def spread_arms() -> dict:
    images = np.random.default_rng(1).normal(50, 10, 40)
    shifts = {"baseline": 0.0, "synthetic": 2.0, "pixels": 1.0, "gold": 40.0}
    return join_seeds([entry(name, (images + shift).tolist()) for name, shift in shifts.items()])


def test_overlapping_intervals_are_never_called_significant() -> None:
    assert verdict(Difference(VALUE, overlap=False, clear_by_image=True)) == ("intervals apart", "clear")
    words, kind = verdict(Difference(VALUE, overlap=True, clear_by_image=False))
    assert words.startswith("not significant")
    assert kind == "unclear"
    words, kind = verdict(Difference(VALUE, overlap=True, clear_by_image=True))
    assert words.startswith("not significant")
    assert "image by image" in words
    assert kind == "unclear"


def test_table_2_marks_each_arm_against_baseline() -> None:
    ours, paper = table_2(spread_arms(), Sizes(1500, 4000, 3842)).groups
    assert [row.name for row in ours.rows] == ["Baseline", "Synth²", "Gold"]
    assert [[cell.text for cell in row.cells[:2]] for row in ours.rows] == [
        ["1,500", "–"],
        ["1,500", "4,000"],
        ["1,500", "3,842"],
    ]
    change = ours.columns.index("From Baseline")
    baseline, synthetic, gold = (row.cells[change] for row in ours.rows)
    assert baseline.text == "–"
    assert synthetic.text.startswith("+2.0 (+4")
    assert synthetic.remark.startswith("not significant")
    assert gold.kind == "clear"
    assert paper.published
    assert not ours.published
    assert "not comparable" in paper.title


def test_all_groups_of_a_table_have_equally_many_columns() -> None:
    arms = spread_arms()
    found = {"entropy_bits": {"mean": 3.2, "std": 0.1}, "concentration_5": {"mean": 0.5, "std": 0.01}}
    tables = [
        table_2(arms, Sizes(1, 2, 3)),
        table_3(arms, Sizes(1, 2), found),
        table_5(arms, {"steps_per_second": {"embedding": 2.0, "pixels": 1.0}}),
        diversity_table({"synthetic": found, "real": found}, 20),
        curve_table(arms),
    ]
    for table in tables:
        for group in table.groups:
            assert len(group.columns) == len(table.groups[0].columns)
            assert all(len(row.cells) == len(group.columns) for row in group.rows), table.caption


def test_table_3_puts_diversity_beside_the_score() -> None:
    found = {"entropy_bits": {"mean": 3.217, "std": 0.1}, "concentration_5": {"mean": 0.5, "std": math.nan}}
    rows = table_3(spread_arms(), Sizes(None, None), found).groups[0].rows
    assert [cell.text for cell in rows[1].cells[2:4]] == ["50.0\u00a0%", "3.22"]
    assert rows[1].cells[3].detail == "± 0.10"
    assert rows[1].cells[2].detail == ""
    assert [cell.text for cell in rows[0].cells[:4]] == ["–"] * 4


def test_diversity_ends_at_an_even_spread() -> None:
    rows = diversity_table({}, 20).groups[0].rows
    assert [cell.text for cell in rows[-1].cells] == ["15.0\u00a0%", "25.0\u00a0%", "4.32"]
    assert [cell.text for cell in diversity_table({}, 4).groups[0].rows[-1].cells][1:] == ["100.0\u00a0%", "2.00"]


def test_table_5_without_a_pixel_arm() -> None:
    arms = spread_arms()
    del arms["pixels"]
    rows = table_5(arms, {"steps_per_second": {"embedding": 2.0}, "ratio": {}}).groups[0].rows
    assert rows[0].cells[0].text == "2.00"
    assert [cell.text for cell in rows[1].cells] == ["–", "–", "–"]
    assert rows[1].cells[1].detail == "not trained"
    assert rows[2].cells[0].text == "–"


def test_attributes_that_an_axis_lacks_are_dashes() -> None:
    series = {"Baseline": {"all": {"class": VALUE, "relation": VALUE}, "seen": {"class": VALUE}}}
    everything, seen = attribute_table("caption", series, "").groups
    assert [cell.text for cell in everything.rows[0].cells] == ["5.0", "5.0"]
    assert [cell.text for cell in seen.rows[0].cells] == ["5.0", "–"]
    assert cell(None).text == "–"


def test_the_note_on_seeds_says_what_is_not_covered() -> None:
    assert "One seed" in seeds_note(spread_arms())
    several = join_seeds([entry("gold", [1.0, 2.0], seed) for seed in range(3)])
    assert "3 seeds" in seeds_note(several)
