"""The paper's figures as its own text has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pairsmith.report.published import TABLE_2, TABLE_3, TABLE_5, PublishedArm


@pytest.fixture(scope="module")
def rows(shared: Path) -> list[list[str]]:
    """All table rows of the paper."""
    file = shared / "papers" / "synth2.txt"
    if not file.is_file():
        pytest.skip("the text of the paper is not in ../shared/papers")
    return [line.split("\t") for line in file.read_text().splitlines() if "\t" in line]


def numbers(arm: PublishedArm) -> list[str]:
    return [str(value) for value in (arm.coco, arm.flickr, arm.vqa, arm.okvqa)]


@pytest.mark.parametrize("arm", TABLE_2)
def test_table_2(rows: list[list[str]], arm: PublishedArm) -> None:
    wanted = [arm.real, arm.synthetic or "-", arm.real_pairs, arm.synthetic_pairs or "-", *numbers(arm)]
    assert any(row[-8:] == wanted for row in rows if len(row) >= 8)


@pytest.mark.parametrize("arm", TABLE_3)
def test_tables_3_and_8(rows: list[list[str]], arm: PublishedArm) -> None:
    pairs = [arm.real, arm.synthetic or "-", arm.real_pairs, arm.synthetic_pairs or "-"]
    five = "-" if arm.concentration_5 is None else f"{arm.concentration_5:.1%}"
    entropy = "-" if arm.entropy_bits is None else f"{arm.entropy_bits}"
    assert [*pairs, five, entropy, *numbers(arm)] in rows
    if arm.concentration_3 is not None:
        assert [*pairs, f"{arm.concentration_3:.1%}", five, entropy, *numbers(arm)] in rows


def test_table_5(rows: list[list[str]]) -> None:
    for path, name in (("embedding", "Embeddings"), ("pixels", "Pixels")):
        found = next(row for row in rows if row[0].endswith(f"- {name}"))
        row = TABLE_5[path]
        assert found[1:] == [str(value) for value in (row.steps_per_second, row.coco, row.vqa)]
