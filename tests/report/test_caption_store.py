"""The page of a store of captions: spread before and after, every dropped row, coverage of axes."""

from __future__ import annotations

from pathlib import Path

import pytest

from pairsmith.captions import ConceptBank
from pairsmith.captions.balance import BalanceSettings, ConceptMatcher
from pairsmith.captions.balance_stage import balance_captions
from pairsmith.pairs import Pair, PairStore
from pairsmith.report.caption_store import caption_sets, write_caption_report
from tests.report.parsed import ParsedPage

BANK = ConceptBank(["dog", "cat", "owl", "tree"], source="four")
TEXTS = [*(f"Dog number {at}." for at in range(12)), "A cat sits.", "A cat runs.", "An owl.", "A tree."]


@pytest.fixture
def captions(tmp_path: Path) -> PairStore:
    """Twelve dogs and four others, one empty failure and one row that was filtered before."""
    rows = [
        Pair(
            id=f"{at:032x}",
            caption=text,
            seed=at,
            concept="dog",
            axis=f"lighting: {'at dusk' if at % 2 else 'backlit'}",
        )
        for at, text in enumerate(TEXTS)
    ]
    rows.append(Pair(id="e" * 32, caption="", status="failed", reason="HTTP 500: oops"))
    rows.append(Pair(id="f" * 32, caption="<b>dog</b>", status="filtered", reason="too short: 1 word"))
    return PairStore.write(tmp_path / "captions", rows, settings={"mine": "<i>"})


@pytest.fixture
def balanced(captions: PairStore, tmp_path: Path) -> PairStore:
    """The same, balanced to about 2 captions a concept."""
    return balance_captions(captions, tmp_path / "balanced", BalanceSettings(limit=2), bank=BANK)


def test_before_and_after_are_the_rows_that_balancing_saw_and_kept(captions: PairStore, balanced: PairStore) -> None:
    written, before, after = caption_sets(balanced, ConceptMatcher(BANK.names))
    assert [written.spread.captions, before.spread.captions] == [17, 16]
    assert after.spread.captions == len(balanced) < 16
    # 12, 2, 1 and 1 of 16: 0.75 log2(4/3) + 0.125 * 3 + 2 * 0.0625 * 4
    assert before.spread.entropy_bits == pytest.approx(0.3113 + 0.375 + 0.5, abs=1e-4)
    assert after.spread.entropy_bits > before.spread.entropy_bits
    assert [one.spread.captions for one in caption_sets(captions, ConceptMatcher(BANK.names))] == [17, 16]


def test_the_page_tells_entropy_concentration_and_reasons(balanced: PairStore, tmp_path: Path) -> None:
    page = ParsedPage.read(write_caption_report(balanced, tmp_path / "page.html", BANK))
    assert not page.faults
    after = caption_sets(balanced, ConceptMatcher(BANK.names))[-1].spread
    assert f"from 1.19 to {after.entropy_bits:.2f} bits" in page.text
    for words in ("Before balancing", "After balancing", "too short", "HTTP 500", "balance", "the 4 concepts of four"):
        assert words in page.text
    assert "another bank" not in page.text
    assert "Lighting" in page.text
    assert "at dusk" in page.text
    assert "8 there are, 2 were asked for (25.0" in page.text
    assert "<b>dog" not in page.html
    assert page.attributes("script") == []
    other = ParsedPage.read(write_caption_report(balanced, tmp_path / "other.html", ConceptBank(["owl"])))
    assert "balanced by another bank" in other.text


def test_a_store_in_the_making_and_one_without_concepts(captions: PairStore, tmp_path: Path) -> None:
    page = ParsedPage.read(write_caption_report(captions, tmp_path / "page.html", ConceptBank(["zebra"])))
    assert not page.faults
    assert "No caption names a concept of the bank." in page.text
