"""BLEU against the golden scores of the COCO caption code."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pairsmith.errors import InputError
from pairsmith.evaluation.bleu import bleu, bleu_of_sums
from pairsmith.evaluation.ptb import ptb_tokenize
from tests.evaluation.goldens import RESULT_SETS, coco_tokens


@pytest.mark.parametrize("name", RESULT_SETS)
def test_golden_scores(shared: Path, name: str) -> None:
    candidates, references, expected = coco_tokens(shared, name)
    result = bleu(candidates, references)
    wanted = [expected["corpus"][f"Bleu_{n}"] for n in (1, 2, 3, 4)]
    np.testing.assert_allclose(result.scores, wanted, rtol=1e-9)
    np.testing.assert_allclose(result.per_image[:, 3], expected["per_image"]["Bleu_4"], rtol=1e-9, atol=1e-15)


def test_published_scores_split_at_blanks(shared: Path) -> None:
    folder = shared / "goldens" / "nlg_eval_example"
    expected = json.loads((folder / "expected.json").read_text())
    lines = {name: (folder / f"{name}.txt").read_text().splitlines() for name in ("hyp", "ref1", "ref2")}
    result = bleu(lines["hyp"], list(zip(lines["ref1"], lines["ref2"], strict=True)))
    assert result.scores == pytest.approx([expected["files"][f"Bleu_{n}"] for n in (1, 2, 3, 4)], abs=1e-5)
    for case in expected["inline"]:
        scores = bleu([case["hyp"]], [case["refs"]]).scores
        for index, value in enumerate(scores, start=1):
            if f"Bleu_{index}" in case:
                assert value == pytest.approx(case[f"Bleu_{index}"], abs=1e-5)


@pytest.mark.parametrize("kind", ["good", "bad"])
def test_published_scores_of_two_images(shared: Path, kind: str) -> None:
    folder = shared / "goldens" / "clipscore_example"
    references = [ptb_tokenize(group) for group in json.loads((folder / "refs.json").read_text()).values()]
    candidates = ptb_tokenize(list(json.loads((folder / f"{kind}_captions.json").read_text()).values()))
    expected = json.loads((folder / "expected.json").read_text())[f"{kind}_captions"]
    assert bleu(candidates, references).scores == pytest.approx([expected[f"BLEU-{n}"] for n in (1, 2, 3, 4)], abs=5e-5)


def test_reference_length_is_the_closest_and_the_shorter_at_a_tie() -> None:
    result = bleu(["a b c d", "a b c"], [["a", "a b c d e", "a b c"], ["a b c d e", "a b"]])
    assert result.statistics.reference_length.tolist() == [3, 2]


def test_counts_are_clipped_by_the_reference_that_has_most() -> None:
    result = bleu(["the the the"], [["the cat", "the the dog"]])
    assert result.statistics.correct[0].tolist() == [2, 1, 0, 0]
    assert result.statistics.guessed[0].tolist() == [3, 2, 1, 0]


def test_missing_ngrams_leave_the_constants_of_the_original() -> None:
    exact = bleu(["one two three"], [["one two three"]])
    assert exact.per_image[0, 3] == pytest.approx(0.0316, abs=5e-5)
    assert bleu([""], [["one two"]]).scores == pytest.approx([0] * 4, abs=1e-9)


def test_corpus_score_is_that_of_the_summed_rows_not_the_mean() -> None:
    result = bleu(["a b c d e", "x"], [["a b c d e"], ["y z"]])
    np.testing.assert_allclose(bleu_of_sums(result.statistics.rows().sum(0, keepdims=True))[0], result.scores)
    assert result.scores[0] != pytest.approx(result.per_image[:, 0].mean())


def test_no_images_is_an_error() -> None:
    with pytest.raises(InputError, match="at least one image"):
        bleu([], [])
