"""The page of a SynthVLM run: what it shows, what it says of a selection that helps or harms, and runs in pieces."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from pairsmith.errors import InputError
from pairsmith.evaluation import read_metrics
from pairsmith.report import synthvlm_story, write_report
from pairsmith.report.numbers import decimal
from pairsmith.report.synthvlm_run import SynthvlmRun
from tests.report.fake_synthvlm import edit_arms, make_run
from tests.report.parsed import ParsedPage

SECTIONS = ["run", "compared", "pairs", "curation", "pictures", "truth", "examples", "reproduce"]
EVIL = "</p><script>alert(1)</script>\" onerror='alert(2)' x=\"<img src=x>& a red heart"


@pytest.fixture(scope="module")
def scene_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("synthvlm") / "tiny")


@pytest.fixture(scope="module")
def page(scene_run: Path) -> ParsedPage:
    return ParsedPage.read(write_report(scene_run))


@pytest.fixture
def copied(scene_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(scene_run, tmp_path / "run"))


def sections(page: ParsedPage) -> list[str]:
    return [attributes["id"] for attributes in page.attributes("section")]


def test_page_is_well_formed_and_loads_nothing(page: ParsedPage) -> None:
    assert page.faults == []
    assert sections(page) == SECTIONS
    assert {tag for tag, _ in page.elements}.isdisjoint({"script", "link", "iframe", "object", "form"})
    for _, attributes in page.elements:
        for name in ("src", "href"):
            assert attributes.get(name, "#").startswith(("#", "data:image/"))
    links = {link["href"].removeprefix("#") for link in page.attributes("a")}
    assert links == set(SECTIONS)
    assert all(len(picture["alt"]) > 10 for picture in page.attributes("img"))
    assert all(len(drawing["aria-label"]) > 30 for drawing in page.attributes("svg"))


def test_every_arm_stands_there_with_its_figures(page: ParsedPage, scene_run: Path) -> None:
    metrics = read_metrics(scene_run)
    for arm in ("all", "random", "selected", "clip", "ssim", "real"):
        for stage in ("stage_1", "stage_2"):
            assert decimal(metrics[f"synthvlm.{arm}.{stage}.cider"].value) in page.html
    assert "{:+.1f}".format(metrics["synthvlm.selected_minus_random.stage_1.cider"].value) in page.html
    assert "SynthVLM-100K" in page.html  # the published table beside ours
    assert "pairsmith run synthvlm" in page.html
    assert "unfinished" not in page.html


def test_a_selection_that_loses_is_said_to_lose(copied: Path) -> None:
    told = synthvlm_story.headline(SynthvlmRun(copied))
    assert told.count("are better by ") == 2
    edit_arms(copied, "selected", -60)
    told = synthvlm_story.headline(SynthvlmRun(copied))
    assert told.count("are worse by ") == 2
    edit_arms(copied, "selected", 30)
    told = synthvlm_story.headline(SynthvlmRun(copied))
    assert "better" not in told
    assert "worse" not in told
    assert told.count("cannot be told apart") == 2


def test_own_pairs_say_nothing_of_scenes(tmp_path: Path) -> None:
    html = ParsedPage.read(write_report(make_run(tmp_path / "own", own_pairs=True, seeds=1))).html
    text = re.sub(r"data:image/[^\"]+", "", html).partition('id="reproduce"')[0]
    assert "oracle" not in text
    assert 'id="truth"' not in text
    assert "your own, from “my pairs”" in text
    assert "With one seed an arm" in html
    assert "/data/my pairs" not in html


def test_text_of_models_is_text(tmp_path: Path) -> None:
    page = ParsedPage.read(write_report(make_run(tmp_path / "evil", seeds=1, caption=EVIL)))
    assert page.faults == []
    assert "script" not in {tag for tag, _ in page.elements}
    assert "&lt;script&gt;" in page.html


@pytest.mark.parametrize(
    "lost",
    ["metrics.json", "environment.json", "images", "captions", "evaluation/pairs.json", "evaluation/curation.json",
     "evaluation/arms", "data/test"],
)  # fmt: skip
def test_a_missing_piece_leaves_a_sentence(copied: Path, lost: str) -> None:
    path = copied / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    page = ParsedPage.read(write_report(copied))
    assert page.faults == []
    assert sections(page) == SECTIONS
    assert 'class="absent"' in page.html


def test_one_stage_alone_is_enough(copied: Path) -> None:
    for file in (copied / "evaluation" / "arms").glob("*.json"):
        entry = json.loads(file.read_text())
        del entry["stage_2"]
        file.write_text(json.dumps(entry))
    page = ParsedPage.read(write_report(copied))
    assert "There is no stage 2 in this run" in page.html
    assert "after stage 2" not in page.html.partition("All figures")[0]


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run"):
        write_report(tmp_path)
