"""The whole page: its structure, what it shows and must not show, and runs that lack a piece."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pairsmith.errors import InputError
from pairsmith.evaluation import read_metrics
from pairsmith.report import write_report
from pairsmith.report.numbers import decimal
from tests.report.conftest import Copy
from tests.report.fake_run import edit_json, rewrite_store
from tests.report.parsed import ParsedPage

SECTIONS = ["run", "compared", "steps", "speed", "diversity", "pictures", "truth", "examples", "reproduce"]
EVIL = "</p><script>alert(1)</script>\" onerror='alert(2)' x=\"<img src=x>& a red heart"
PAGE_LIMIT = 3_000_000


@pytest.fixture(params=["scene_page", "own_page"])
def page(request: pytest.FixtureRequest) -> ParsedPage:
    return request.getfixturevalue(request.param)


def sections(page: ParsedPage) -> list[str]:
    return [attributes["id"] for attributes in page.attributes("section")]


def without_pictures(page: ParsedPage) -> str:
    return re.sub(r"data:image/[^\"]+", "", page.html)


# === the page itself ===


def test_page_is_well_formed_and_light(page: ParsedPage) -> None:
    assert page.faults == []
    assert page.html.startswith("<!DOCTYPE html>")
    assert page.elements[0] == ("html", {"lang": "en"})
    identifiers = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    assert len(page.html) < PAGE_LIMIT / 4  # of 20 test images; the figure for real runs leaves room


def test_nothing_is_loaded_and_nothing_runs(page: ParsedPage) -> None:
    tags = {tag for tag, _ in page.elements}
    assert tags.isdisjoint({"script", "link", "iframe", "object", "embed", "base", "form", "use", "foreignobject"})
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "srcset", "xlink:href"):
            assert attributes.get(name, "#").startswith(("#", "data:image/"))
    source = without_pictures(page)
    assert not re.search(r"https?:|url\(|@import|//\w", source)
    policy = next(a["content"] for a in page.attributes("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy


def test_who_does_not_see_is_told(page: ParsedPage) -> None:
    pictures, drawings = page.attributes("img"), page.attributes("svg")
    assert len(pictures) >= 24 + 6
    assert len(drawings) >= 5
    assert all(len(picture["alt"]) > 10 for picture in pictures)
    assert all(drawing["role"] == "img" and len(drawing["aria-label"]) > 30 for drawing in drawings)
    tags = [tag for tag, _ in page.elements]
    assert tags.count("figure") == tags.count("figcaption") >= 6
    assert tags.count("h1") == 1
    assert tags.count("h2") == len(sections(page))
    links = {link["href"].removeprefix("#") for link in page.attributes("a")}
    assert links == set(sections(page))


def test_sections_of_a_run_on_scenes(scene_page: ParsedPage) -> None:
    assert sections(scene_page) == SECTIONS


def test_figures_are_those_of_metrics_json(scene_run: Path, scene_page: ParsedPage) -> None:
    metrics = read_metrics(scene_run)
    for arm in ("baseline", "synthetic", "gold"):
        metric = metrics[f"synth2.{arm}.cider"]
        card = f"{decimal(metric.value)} CIDEr {decimal(metric.low)} to {decimal(metric.high)} 2 seeds"
        assert card in scene_page.text
    assert f"{decimal(metrics['synth2.gain.relative'].value, 0)} %".lstrip("−") in scene_page.text
    assert "1.37× embedding ÷ pixel path 1.34 to 1.41" in scene_page.text


def test_the_papers_figures_are_there_and_set_apart(scene_page: ParsedPage) -> None:
    assert "Paper, CC12M scale – other data, other test sets: not comparable in absolute terms" in scene_page.text
    published = re.findall(r'<tbody class="published">.*?</tbody>', scene_page.html, re.DOTALL)
    assert len(published) == 4  # Tables 2, 3, 5 and 8
    for figure in ("22.1", "33.4", "35.3", "39.4", "2.08", "1.66", "57.7", "3.81", "40.5"):
        assert any(figure in group for group in published), figure
    assert "Synth²: Boosting Visual-Language Models" in scene_page.text


def test_same_run_same_page(scene_run: Path) -> None:
    first = write_report(scene_run).read_bytes()
    assert write_report(scene_run).read_bytes() == first


# === what comes from data ===


def test_everything_from_data_is_escaped(scene_run: Path, copy: Copy) -> None:
    run = copy(scene_run)
    rewrite_store(
        run / "captions",
        lambda position, pair: replace(
            pair, caption=EVIL, concept=EVIL, **({"reason": f"{EVIL}: {EVIL}"} if pair.status != "ok" else {})
        ),
    )
    rewrite_store(run / "tokens" / "test", lambda position, pair: replace(pair, references=[EVIL] * 5))
    for file in (run / "evaluation" / "arms").glob("*.json"):
        captions = json.loads(file.read_text())["captions"]
        edit_json(file, captions=dict.fromkeys(captions, EVIL))
    generator = run / "evaluation" / "generator.json"
    edit_json(generator, captions=[EVIL] * len(json.loads(generator.read_text())["captions"]))
    edit_json(run / "evaluation" / "speed.json", stages_ms={EVIL: 3.0, "draw tokens": 1.0})
    settings = (run / "settings.yaml").read_text()
    (run / "settings.yaml").write_text(settings.replace("source: scenes", f"source: {json.dumps(EVIL)}"))
    edit_json(run / "environment.json", system=EVIL)

    page = ParsedPage.read(write_report(run))
    assert page.faults == []
    test_nothing_is_loaded_and_nothing_runs(page)
    assert page.text.count("<script>alert(1)</script>") > 30
    assert any(picture["alt"] == f"Test picture: {EVIL}" for picture in page.attributes("img"))


def test_half_characters_control_characters_and_reading_direction(scene_run: Path, copy: Copy) -> None:
    run = copy(scene_run)
    for file in (run / "evaluation" / "arms").glob("*.json"):
        captions = json.loads(file.read_text())["captions"]
        edit_json(file, captions=dict.fromkeys(captions, "a\x00b \ud83d \u202eevil 🙂 " + "long " * 200))
    page = ParsedPage.read(write_report(run))
    assert page.faults == []
    assert "ab ? evil 🙂 long" in page.text
    assert "\u202e" not in page.html
    assert "long " * 100 not in page.text


# === the user's own pairs ===


def test_own_pairs_leave_out_whatever_belongs_to_scenes(own_page: ParsedPage) -> None:
    assert sections(own_page) == [name for name in SECTIONS if name != "truth"]
    source = without_pictures(own_page).lower()
    for word in ("gold", "truth", "held-out", "oracle", "built-in", "binding", "ceiling", "drawn picture", "world:"):
        assert word not in source, word
    outside_settings = re.sub(r"<pre>.*?</pre>", "", source, flags=re.DOTALL)  # the paper's prompt says "scene"
    assert "scene" not in outside_settings


def test_a_gold_file_beside_own_pairs_is_left_out(own_run: Path, copy: Copy) -> None:
    run = copy(own_run)
    arms = run / "evaluation" / "arms"
    shutil.copy(arms / "synthetic-0.json", arms / "gold-0.json")
    edit_json(arms / "gold-0.json", arm="gold")
    assert "gold" not in without_pictures(ParsedPage.read(write_report(run))).lower()


def test_own_photographs_are_small_and_the_path_stays_private(own_run: Path, own_page: ParsedPage) -> None:
    pictures = own_page.attributes("img")
    assert pictures
    for picture in pictures:
        assert picture["src"].startswith("data:image/jpeg;base64,")
        assert max(int(picture["width"]), int(picture["height"])) <= 160
    assert "holiday photos" in own_page.text
    assert str(own_run.parent) not in own_page.html


# === pieces that are missing ===


def remove(run: Path, *names: str) -> None:
    for name in names:
        for path in list(run.glob(name)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        (["evaluation/arms/pixels-*"], "Asked for and without results: Synth² from pixels."),
        (["evaluation/arms/baseline-*"], "Baseline has no results, so nothing is compared."),
        (["evaluation/arms/synthetic-*", "evaluation/arms/baseline-*"], "Baseline and Synth² have no results"),
        (["evaluation/arms"], "No arm has results yet."),
        (["evaluation/speed.json"], "The speed of the two paths has not been measured yet."),
        (["evaluation/diversity.json"], "The diversity of the captions has not been measured yet."),
        (["evaluation/generator.json"], "The generator's faithfulness has not been examined yet."),
        (["evaluation/tokenizer.json"], "The generator's 20 pictures of test captions"),
        (["metrics.json", "environment.json"], "This run is unfinished"),
        (["models/tokenizer"], "not there"),
        (["models", "vlm"], "No training of this run left a log"),
        (["tokens", "data", "synthetic", "gold"], "There are no test pictures yet."),
        (["captions"], "No captions have been written yet."),
        (["captions/manifest.json"], "No captions have been written yet."),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_missing_piece_leaves_a_sentence(scene_run: Path, copy: Copy, missing: list[str], sentence: str) -> None:
    run = copy(scene_run)
    remove(run, *missing)
    page = ParsedPage.read(write_report(run))
    assert page.faults == []
    assert sections(page) == SECTIONS
    assert sentence in page.text


@pytest.mark.parametrize("run_name", ["scene_run", "own_run"])
def test_a_run_that_was_only_begun(run_name: str, request: pytest.FixtureRequest, copy: Copy) -> None:
    run = copy(request.getfixturevalue(run_name))
    for path in run.iterdir():
        if path.name != "settings.yaml":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    page = ParsedPage.read(write_report(run))
    assert page.faults == []
    assert "Baseline and Synth² have no results" in page.text


def break_metrics(run: Path) -> None:
    for file in (run / "evaluation" / "arms").glob("*.json"):
        edit_json(file, metrics={"cider_d": {"value": float("nan"), "low": None, "high": None, "n": 0}})
        edit_json(file, per_image={"cider_d": [float("nan")]}, curve=[{"step": 100, "cider": float("inf")}])


def break_examination(run: Path) -> None:
    folder = run / "evaluation"
    edit_json(folder / "speed.json", ratio={"value": float("nan"), "low": None, "high": None}, stages_ms={})
    edit_json(folder / "generator.json", frechet_own_features=float("nan"), tokens=[[9999] * 16] * 20, faithfulness={})
    edit_json(folder / "tokenizer.json", psnr=float("inf"))
    shares = {
        "shares": [float("nan")] * 4,
        "captions": 0,
        "concentration_3": {},
        "entropy_bits": {"mean": float("nan")},
    }
    edit_json(folder / "diversity.json", sets={"synthetic": shares, "real": shares})


@pytest.mark.parametrize("damage", [break_metrics, break_examination])
def test_what_is_not_a_number_becomes_a_dash(scene_run: Path, copy: Copy, damage: Callable[[Path], None]) -> None:
    run = copy(scene_run)
    damage(run)
    page = ParsedPage.read(write_report(run))
    assert page.faults == []
    assert not re.search(r"\b(nan|inf|None|Infinity|Undefined)\b", page.text)
    assert not re.search(r'="[^"]*\b(nan|inf)\b', without_pictures(page))


def test_arms_without_a_common_test_set_are_compared_without_pairing(scene_run: Path, copy: Copy) -> None:
    run = copy(scene_run)
    for file in (run / "evaluation" / "arms").glob("gold-*.json"):
        scores = json.loads(file.read_text())["per_image"]["cider_d"]
        edit_json(file, per_image={"cider_d": scores[:-1]})
    page = ParsedPage.read(write_report(run))
    assert page.faults == []
    assert "Gold" in page.text


def test_folders_that_are_no_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no run.*settings\.yaml"):
        write_report(tmp_path)
    (tmp_path / "settings.yaml").write_text("- a list")
    with pytest.raises(InputError, match="settings file holds"):
        write_report(tmp_path)
    (tmp_path / "settings.yaml").write_text("seed: 0\n")
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation" / "speed.json").write_text("{torn")
    with pytest.raises(InputError, match="not JSON"):
        write_report(tmp_path)
    assert not (tmp_path / "report.html").exists()
