"""Texts that are shown: chosen without favour, and none of the rejects forgotten."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from pairsmith.captions.stage import reason_counts
from pairsmith.pairs import PairStore
from pairsmith.report.examples import examples, shorten, written
from pairsmith.report.run_folder import RunFolder


def test_examples_go_from_the_worst_to_the_best(scene_run: Path) -> None:
    run = RunFolder(scene_run)
    assert run.test is not None
    found = examples(run.test, run.arms, "png")
    scores = [
        float(next(said.score for said in example.said if said.arm == "Synth²").replace(",", "")) for example in found
    ]
    everything = run.arms["synthetic"].first_scores
    assert everything is not None
    assert scores == sorted(scores)
    assert len(found) == 6
    assert (scores[0], scores[-1]) == (round(everything.min(), 1), round(everything.max(), 1))
    assert [said.arm for said in found[0].said] == ["Baseline", "Synth²", "Synth² from pixels", "Gold"]
    assert len(found[0].references) == 5


def test_scores_belong_to_the_caption_that_is_shown(scene_run: Path) -> None:
    run = RunFolder(scene_run)
    arm = run.arms["gold"]
    assert run.test is not None
    assert arm.first_scores is not None
    ids = run.test.ids()
    for example in examples(run.test, {"gold": arm}, "png", 20):
        (said,) = example.said
        possible = [arm.first_scores[row] for row, name in enumerate(ids) if arm.captions[name] == said.text]
        assert min(abs(score - float(said.score)) for score in possible) < 0.06


def test_scores_of_other_rows_are_not_shown(scene_run: Path) -> None:
    run = RunFolder(scene_run)
    assert run.test is not None
    arm = replace(run.arms["gold"], first_scores=np.zeros(3))
    assert {said.score for example in examples(run.test, {"gold": arm}, "png") for said in example.said} == {""}
    assert examples(run.test, {}, "png") == []


def test_every_outcome_of_writing_is_counted(scene_run: Path) -> None:
    store = PairStore(scene_run / "captions")
    found = written(store)
    assert {name: entry.count for name, entry in found.items()} == reason_counts(store)
    assert next(iter(found)) == "ok"
    assert len(found["ok"].samples) == 6
    assert found["refusal"].samples[0] == ("I'm sorry, I cannot", "", 'refusal: "I\'m sorry"')
    assert len(found["repetition"].samples) == 2


def test_long_texts_are_cut() -> None:
    assert shorten("short") == "short"
    assert len(shorten("long " * 1000)) <= 280
    assert shorten("long " * 1000).endswith("…")
