"""ROUGE-L against the golden scores of the COCO caption code."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairsmith.errors import InputError
from pairsmith.evaluation.ptb import ptb_tokenize
from pairsmith.evaluation.rouge import rouge_l
from tests.evaluation.goldens import RESULT_SETS, coco_tokens
from tests.evaluation.patience import PATIENT

WORDS = st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=9)


@pytest.mark.parametrize("name", RESULT_SETS)
def test_golden_scores(shared: Path, name: str) -> None:
    candidates, references, expected = coco_tokens(shared, name)
    result = rouge_l(candidates, references)
    assert result.score == pytest.approx(expected["corpus"]["ROUGE_L"], abs=1e-12)
    np.testing.assert_allclose(result.per_image, expected["per_image"]["ROUGE_L"], atol=1e-12)


def test_published_scores_split_at_blanks(shared: Path) -> None:
    folder = shared / "goldens" / "nlg_eval_example"
    expected = json.loads((folder / "expected.json").read_text())
    lines = {name: (folder / f"{name}.txt").read_text().splitlines() for name in ("hyp", "ref1", "ref2")}
    result = rouge_l(lines["hyp"], list(zip(lines["ref1"], lines["ref2"], strict=True)))
    assert result.score == pytest.approx(expected["files"]["ROUGE_L"], abs=1e-5)
    for case in expected["inline"]:
        assert rouge_l([case["hyp"]], [case["refs"]]).score == pytest.approx(case["ROUGE_L"], abs=1e-5)


@pytest.mark.parametrize("which", ["good", "bad"])
def test_published_scores_of_two_images(shared: Path, which: str) -> None:
    folder = shared / "goldens" / "clipscore_example"
    references = json.loads((folder / "refs.json").read_text())
    captions = json.loads((folder / f"{which}_captions.json").read_text())
    expected = json.loads((folder / "expected.json").read_text())[f"{which}_captions"]["ROUGE_L"]
    found = rouge_l(ptb_tokenize(list(captions.values())), [ptb_tokenize(references[name]) for name in captions])
    assert found.score == pytest.approx(expected, abs=5e-5)


@PATIENT
@given(WORDS, WORDS)
def test_common_subsequence_equals_the_textbook(left: list[str], right: list[str]) -> None:
    @cache
    def length(i: int, j: int) -> int:
        if i == len(left) or j == len(right):
            return 0
        return 1 + length(i + 1, j + 1) if left[i] == right[j] else max(length(i + 1, j), length(i, j + 1))

    common = length(0, 0)
    precision, recall = common / len(left), common / len(right)
    expected = (1 + 1.44) * precision * recall / (recall + 1.44 * precision) if common else 0.0
    assert rouge_l([" ".join(left)], [[" ".join(right)]]).score == pytest.approx(expected)


def test_precision_and_recall_may_come_from_different_references() -> None:
    both = rouge_l(["a b"], [["a b c d e f", "a"]]).score
    precision, recall = 1.0, 1.0  # the first reference holds all of "a b", all of the second is in "a b"
    assert both == pytest.approx((1 + 1.44) * precision * recall / (recall + 1.44 * precision))


def test_empty_candidate_scores_zero_and_no_break_space_joins() -> None:
    assert rouge_l([""], [["a b"]]).score == 0
    assert rouge_l(["a\u00a0b"], [["a b"]]).score == 0
    with pytest.raises(InputError, match="at least one image"):
        rouge_l([], [])
