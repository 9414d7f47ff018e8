"""`score`, `select` and `compare` from end to end: files, pages, sentences, and bad input."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pairsmith.pairs import Pair, PairStore
from pairsmith.pairs.scores import read_scores, read_selection, write_embeddings, write_scores
from tests.curation.conftest import clip_folder  # noqa: F401
from tests.curation.stores import picture_store
from tests.report.parsed import ParsedPage

EVIL = '<script>alert(1)</script> & "q"'


def scored_store(folder: Path, count: int = 30, shift: float = 0.0) -> PairStore:
    """A store whose scores were written by hand; one caption is an attack, one picture is broken."""
    rows = list(picture_store(folder / "plain", count, broken=[2]).iter_pairs())
    store = PairStore.write(
        folder / "store",
        [Pair(id=row.id, caption=EVIL if at == 4 else row.caption, group=row.group, image=row.image)
         for at, row in enumerate(rows)],
        settings={"shift": shift},
    )  # fmt: skip
    generator = np.random.default_rng(0)
    values = generator.random((2, count))
    values[0, 5] = np.nan
    reasons = ["the row has no picture" if np.isnan(value) else None for value in values[0]]
    write_scores(store, "clip", store.ids(), values[0] + shift, {"model": "b32"}, reasons=reasons)
    write_scores(store, "ssim", store.ids(), values[1], {"base": 768})
    write_embeddings(store, "embedding", store.ids(), generator.normal(size=(count, 6)), {"model": "b32"})
    return store


def test_score_and_select(pairsmith, tmp_path: Path, clip_folder: Path) -> None:  # noqa: F811
    store = picture_store(tmp_path / "store", 12, groups=2, broken=[3])
    options = ["--model", clip_folder, "--set", "ssim.base=48", "--set", "ssim.size=20", "--threads", 1]
    result = pairsmith("score", store.folder, "--score", "clip", "--score", "ssim=small", *options)
    assert result.exit_code == 0, result.output
    assert "clip: 11 rows scored, 1 failed, mean " in result.output
    assert "not an image" in result.output
    assert np.isfinite(read_scores(store, "small")).sum() == 11
    result = pairsmith("score", store.folder, "--score", "clip", *options)
    assert "11 rows scored, 1 failed, all found finished" in result.output
    result = pairsmith("score", store.folder, "--score", "clip", *options, "--set", "clip.weight=2.5")
    assert result.exit_code == 2
    assert "other settings: weight (was 1.0, now 2.5)" in result.output
    by = ["--by", "clip + 0.5 * small", "--best-of-caption", 1, "--top", 3]
    result = pairsmith("select", store.folder, *by, "--name", "best", "--out", tmp_path / "chosen")
    assert result.exit_code == 0, result.output
    chosen = read_selection(store, "best")
    assert PairStore(tmp_path / "chosen").ids() == list(chosen.ids)
    assert len({pair.group for pair in PairStore(tmp_path / "chosen").iter_pairs()}) == 3
    assert pairsmith("verify", store.folder).exit_code == 0
    assert pairsmith("select", store.folder, *by, "--name", "best").exit_code == 0
    again = pairsmith("select", store.folder, "--by", "clip", "--name", "best")
    assert again.exit_code == 2
    assert "was made with other settings" in again.output


def test_explain_tells_and_shows(pairsmith, tmp_path: Path) -> None:
    store = scored_store(tmp_path)
    result = pairsmith("select", store.folder, "--by", "-ssim", "--threshold", "clip > 0.2", "--top", 8, "--explain")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0].split() == ["rule", "before", "kept", "dropped"]
    assert any(line.startswith("clip > 0.2 ") for line in lines)
    assert "1 row without clip: the row has no picture (1)" in lines
    assert not list((store.folder / "selections").glob("*.parquet"))
    page = store.folder / "selections" / "explained.html"
    text = page.read_text()
    assert "<script" not in text
    assert text.count("<svg") == 3
    assert ParsedPage(text).faults == []
    every = pairsmith("select", store.folder, "--by", "clip", "--explain", "--page", tmp_path / "all.html")
    assert every.exit_code == 0
    assert "Every row with all scores was chosen" in (tmp_path / "all.html").read_text()
    assert "&lt;script&gt;alert(1)" in "".join(
        (pairsmith("select", store.folder, "--by", sum_, "--explain", "--page", tmp_path / "p.html"),
         (tmp_path / "p.html").read_text())[1] for sum_ in ("clip", "-clip", "ssim", "-ssim")
    )  # fmt: skip


def test_compare(pairsmith, tmp_path: Path) -> None:
    real, made = scored_store(tmp_path / "a"), scored_store(tmp_path / "b", shift=0.5)
    assert pairsmith("select", made.folder, "--by", "clip", "--top", 20, "--name", "best").exit_code == 0
    sets = [f"real={real.folder}", f"made={made.folder}@best"]
    result = pairsmith("compare", *sets, "--out", tmp_path / "out", "--map-rows", 20)
    assert result.exit_code == 0, result.output
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert set(metrics) == {
        f"datasets.{name}.{key}" for name in ("real", "made") for key in ("clip", "ssim", "weighted")
    }
    assert metrics["datasets.made.clip"]["n"] == 20
    assert metrics["datasets.made.clip"]["low"] > metrics["datasets.real.clip"]["high"]
    text = (tmp_path / "out" / "datasets.html").read_text()
    assert "<script" not in text
    assert text.count("<svg") == 4
    assert "No judge was asked" in text
    assert "SynthVLM-100K" in text
    assert ParsedPage(text).faults == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["score", "--score", "beauty"], "there is no score 'beauty'; there are clip, ssim"),
        (["score", "--score", "clip", "--score", "ssim=clip"], "two scores would be written as 'clip'"),
        (["score", "--score", "judge"], "a judge needs --judge ADDRESS"),
        (["score", "--score", "nsfw"], "needs a model of your choice"),
        (["score", "--score", "aesthetic"], "needs a head"),
        (["score", "--score", "ssim", "--set", "ssim.bse=3"], "did you mean 'ssim.base'"),
        (["select", "--name", "x"], "say what rows are ranked by"),
        (["select", "--by", "clip"], "name the selection with --name"),
        (["select", "--by", "clip", "--name", "x"], "no scores named 'clip'"),
        (["select", "--by", "clip +", "--name", "x"], "cannot be read at its end"),
        (["select", "--by", "clip", "--name", "x", "--fraction", "2"], "fraction"),
        (["compare", "--out", "OUT"], "no scores named 'clip'"),
    ],
)
def test_bad_input_is_one_sentence(pairsmith, tmp_path: Path, arguments: list[str], message: str) -> None:
    store = picture_store(tmp_path / "store", 2)
    command, *rest = arguments
    result = pairsmith(command, store.folder, *(str(tmp_path / "out") if one == "OUT" else one for one in rest))
    assert result.exit_code == 2
    assert message in result.output


def test_settings_are_shown_without_work(pairsmith, tmp_path: Path) -> None:
    result = pairsmith("select", tmp_path, "--preset", "synthvlm", "--top", 5, "--dry-run")
    assert "by: clip + 0.5 * ssim" in result.output
    assert "top: 5" in result.output
    assert "fraction: null" in result.output
    result = pairsmith("score", tmp_path, "--score", "clip", "--model", "X:y", "--dry-run")
    assert result.output.count("model: X:y") == 3
