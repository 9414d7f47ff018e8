"""The page of a PolyGen run: what it shows and says, whoever wins, and runs that lack arms, seeds or pieces."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from pairsmith.errors import InputError
from pairsmith.evaluation import read_metrics
from pairsmith.evaluation.scene_suite import MTL_TASKS
from pairsmith.report import polygen, polygen_story, write_report
from pairsmith.report.numbers import decimal, signed, spread
from pairsmith.report.polygen_run import PolygenRun
from pairsmith.report.polygen_tables import TASKS
from tests.report.fake_polygen import COMPOSITION, PROBES, SEEDS, figure, make_run, write_arm, write_examples
from tests.report.parsed import ParsedPage
from tests.report.test_page import luminance

SECTIONS = ["run", "tasks", "composition", "marks", "examples", "reproduce"]
EVIL = "</p><script>alert(1)</script>\" onerror='alert(2)' x=\"<img src=x>& a red heart"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("polygen") / "run")


@pytest.fixture(scope="module")
def page(finished: Path) -> ParsedPage:
    return ParsedPage.read(write_report(finished))


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


def sections(page: ParsedPage) -> list[str]:
    return [attributes["id"] for attributes in page.attributes("section")]


def move(out: Path, arm: str, number: int, change: float) -> None:
    """Every figure of an arm, seed by seed."""
    for seed in range(SEEDS):
        write_arm(out, arm, seed, number, change)


def test_page_is_well_formed_and_loads_nothing(page: ParsedPage) -> None:
    assert page.faults == []
    assert sections(page) == SECTIONS
    assert {tag for tag, _ in page.elements}.isdisjoint({"script", "link", "iframe", "object", "form"})
    for _, attributes in page.elements:
        for name in ("src", "href"):
            assert attributes.get(name, "#").startswith(("#", "data:image/"))
    assert {link["href"].removeprefix("#") for link in page.attributes("a")} == set(SECTIONS)
    assert len(page.attributes("img")) == 4
    assert all(len(picture["alt"]) > 10 for picture in page.attributes("img"))
    assert all(len(drawing["aria-label"]) > 30 for drawing in page.attributes("svg"))
    assert 'class="absent"' not in page.html


def test_the_page_says_what_metrics_say(page: ParsedPage, finished: Path) -> None:
    metrics = read_metrics(finished)
    for key in (
        "polygen.ensemble.delta_mtl",
        "polygen.ensemble.over_best_single.delta_mtl",
        "polygen.negatives.over_best_single.sugarcrepe_pp_itt",
        "polygen.negatives.over_ensemble.sugarcrepe_pp_tot",
        "polygen.curriculum.sugarcrepe_pp_itt",
    ):
        assert f"{signed(metrics[key].value)}" in page.text, key
        assert f"{signed(metrics[key].low)} to {signed(metrics[key].high)}" in page.text, key
    for arm in PROBES:
        found = metrics[f"polygen.{arm}.generator_probe"]
        assert f"{decimal(found.value)} ({decimal(found.low)} to {decimal(found.high)})" in page.text
    assert "chance is 52.5" in page.text  # of the file, not 100 / 2
    assert "pairsmith run polygen" in page.text
    assert "This run is unfinished" not in page.text


def test_the_radar_has_all_five_tasks_of_every_arm(page: ParsedPage, finished: Path) -> None:
    told = next(one["aria-label"] for one in page.attributes("svg") if one["aria-label"].startswith("Five tasks"))
    run = PolygenRun(finished)
    assert set(MTL_TASKS) == set(TASKS)
    for arm in COMPOSITION:
        own = re.search(rf"{re.escape(run.label(arm))}: ([^;]*)", told)
        assert own is not None
        for task, key in MTL_TASKS.items():
            assert f"{TASKS[task]} {decimal(figure(finished, arm, key))}" in own[1]


def test_the_winner_is_the_one_that_the_figures_give(copied: Path) -> None:
    def told() -> str:
        return polygen_story.headline(PolygenRun(copied))

    assert "is better than the best single generator (Flow alone): +" in told()
    move(copied, "ensemble", 2, -30)
    assert "is worse than the best single generator (Flow alone): −" in told()
    move(copied, "ensemble", 2, -12)
    assert "cannot be told apart from the best single generator (Flow alone)" in told()
    move(copied, "single_flow", 1, -20)
    assert "is better than the best single generator (Masked alone)" in told()
    cards = polygen._cards(PolygenRun(copied))
    assert [(card.label, card.remark) for card in cards[:1]] == [
        ("Best single: Masked alone", "is the baseline itself")
    ]
    assert [card.label for card in cards].count("Ensemble") == 1  # over baseline and best single is one comparison


def test_what_negatives_bring_is_said_with_its_doubts(copied: Path) -> None:
    run = PolygenRun(copied)
    gap = run.gap(run.scores["negatives"], run.scores["ensemble"], polygen_story.ITT)
    assert gap is not None
    told = polygen_story.composition(run)
    assert f"{signed(gap.value)} points ({spread(gap, sign=True)}) against the ensemble without negatives" in told
    assert "not significant" not in told
    move(copied, "negatives", 3, -22)
    told = polygen_story.composition(PolygenRun(copied))
    assert re.search(r"\), not significant against the ensemble without negatives", told)


def test_one_seed_has_no_interval_over_seeds(tmp_path: Path, page: ParsedPage) -> None:
    one = ParsedPage.read(write_report(make_run(tmp_path / "one", seeds=1)))
    assert "One seed an arm" in one.text
    assert "over seeds of the encoder" not in one.text
    assert "With one seed an arm, differences hold the luck of one training" in one.text
    assert "over seeds of the encoder (2 an arm)" in page.text
    assert "One seed an arm" not in page.text


def test_seeds_that_are_missing_are_told(copied: Path) -> None:
    (copied / "evaluation" / "arms" / "negatives-1.json").unlink()
    page = ParsedPage.read(write_report(copied))
    assert "Fewer than the 2 seeds asked for have results: Negatives, ramp (1)." in page.text
    assert "Of one seed each" not in page.text
    for file in (copied / "evaluation" / "arms").glob("*-1.json"):
        file.unlink()
    page = ParsedPage.read(write_report(copied))
    assert "One seed an arm" in page.text  # of the two that the settings ask for
    assert "Of one seed each: what another training would change is not in the interval." in page.text


@pytest.mark.parametrize("arm", ["single_masked", "single_flow", "ensemble", "negatives", "negatives_constant"])
def test_an_arm_that_is_missing_is_told_and_not_invented(copied: Path, arm: str) -> None:
    label = PolygenRun(copied).label(arm)
    for file in (copied / "evaluation" / "arms").glob(f"{arm}-?.json"):
        file.unlink()
    page = ParsedPage.read(write_report(copied))
    assert page.faults == []
    assert sections(page) == SECTIONS
    assert f"Asked for and without results: {label}." in page.text
    tables = page.html.partition('id="tasks"')[2].partition('id="marks"')[0]
    assert not re.search(rf"</span>{re.escape(label)}</th>", tables)
    headline = polygen_story.headline(PolygenRun(copied))
    if arm == "single_flow":
        assert "Another may turn out to be the best: without results are Flow alone." in headline
    assert ("cannot be compared yet" in headline) is (arm in ("single_masked", "ensemble"))


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ("metrics.json", "This run is unfinished"),
        ("environment.json", "The environment is noted when the run is finished."),
        ("evaluation/generators.json", "The generators have not been examined yet."),
        ("evaluation/budgets.json", "Nothing has been drawn yet."),
        ("evaluation/arms", "No arm has results yet."),
        ("arms", "There are no pictures of several generators yet."),
    ],
)
def test_a_missing_piece_leaves_a_sentence(copied: Path, lost: str, words: str) -> None:
    path = copied / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    page = ParsedPage.read(write_report(copied))
    assert page.faults == []
    assert sections(page) == SECTIONS
    assert words in page.text


def test_a_run_without_probes_says_so(copied: Path) -> None:
    for file in (copied / "evaluation").glob("probe-*.json"):
        file.unlink()
    assert "No encoder has been probed for the generators yet." in ParsedPage.read(write_report(copied)).text


def test_an_arm_that_is_not_probed_is_told(copied: Path) -> None:
    for file in (copied / "evaluation").glob("probe-ensemble-*.json"):
        file.unlink()
    text = ParsedPage.read(write_report(copied)).text
    assert "Not probed yet: Ensemble." in text
    assert "A linear classifier names" not in text  # there is nothing to set single encoders beside


def test_captions_are_text(copied: Path) -> None:
    shutil.rmtree(copied / "arms")
    write_examples(copied, EVIL)
    page = ParsedPage.read(write_report(copied))
    assert page.faults == []
    assert "script" not in {tag for tag, _ in page.elements}
    assert not any("onerror" in attributes for _, attributes in page.elements)
    assert len(page.attributes("img")) == 4
    assert all(picture["alt"].endswith(EVIL) for picture in page.attributes("img"))
    assert page.text.count(" ".join(EVIL.split())) == 2  # the caption, and inside its negative


def test_files_that_cannot_be_read_are_refused(copied: Path) -> None:
    (copied / "evaluation" / "arms" / "ensemble-0.json").write_text('{"arm": "ensemble", "seed": 0}')
    with pytest.raises(InputError, match="cannot be read"):
        write_report(copied)
    with pytest.raises(InputError, match="no run"):
        write_report(copied / "arms")


@pytest.mark.parametrize("number", range(len(polygen._COLOURS)))
def test_colours_stand_out_from_the_page(number: int) -> None:
    for colour, ground in zip(polygen._COLOURS[number], ("#fbfaf8", "#15171a"), strict=True):
        lighter, darker = sorted((luminance(colour), luminance(ground)), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 3, colour
