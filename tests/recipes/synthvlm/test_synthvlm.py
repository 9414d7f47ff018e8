"""The whole recipe, as small as it gets."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from pairsmith.errors import InputError
from pairsmith.evaluation import read_metrics
from pairsmith.pairs import PairStore
from pairsmith.pairs.scores import read_scores, read_selection
from pairsmith.pairs.verify import verify
from pairsmith.recipes.run_files import read_arms
from pairsmith.recipes.synthvlm.presets import PRESETS, load_preset
from pairsmith.recipes.synthvlm.recipe import run_synthvlm
from pairsmith.recipes.synthvlm.settings import SynthvlmSettings
from pairsmith.settings import load_settings
from tests.recipes.synthvlm.tiny import ARMS, own_settings, scene_settings


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "scenes"
    run_synthvlm(scene_settings(), out)
    return out


def files_with_times(folder: Path) -> dict[str, int]:
    skipped = {"metrics.json", "environment.json", "settings.yaml"}  # written at every end
    return {
        str(file.relative_to(folder)): file.stat().st_mtime_ns
        for file in folder.rglob("*")
        if file.is_file() and file.name not in skipped and file.suffix != ".lock"
    }


def test_a_run_ends_with_the_metrics_of_the_contract(finished: Path) -> None:
    metrics = read_metrics(finished)
    for arm in ARMS:
        assert metrics[f"synthvlm.{arm}.cider"] == metrics[f"synthvlm.{arm}.stage_2.cider"]
        assert metrics[f"synthvlm.{arm}.stage_1.cider"].n == 6
        assert 0 <= metrics[f"synthvlm.{arm}.vqa"].value <= 100
        assert 0 <= metrics[f"synthvlm.pairs.{arm}.shown.exact"].value <= 100
    for other in ("random", "all", "real"):
        difference = metrics[f"synthvlm.selected_minus_{other}.stage_1.cider"]
        ours, theirs = (metrics[f"synthvlm.{arm}.stage_1.cider"].value for arm in ("selected", other))
        assert difference.value == pytest.approx(ours - theirs)
    assert "torch" in (finished / "environment.json").read_text()


def test_the_arms_have_the_pairs_that_they_should(finished: Path) -> None:
    metrics = read_metrics(finished)
    captions, drawn = PairStore(finished / "captions"), PairStore(finished / "images")
    assert len(drawn) == 2 * len(captions)
    size = {arm: metrics[f"synthvlm.pairs.{arm}.count"].value for arm in ARMS}
    assert size["all"] == len(drawn)
    assert size["selected"] == size["random"] == size["real"] == -(-len(captions) // 2)  # share 0.5
    assert size["clip"] == size["ssim"] == len(drawn) // 2
    assert {one["arm"]: one["pairs"] for one in read_arms(finished)} == size

    groups = drawn.column("group").to_pylist()
    clip, ssim = read_scores(drawn, "clip"), read_scores(drawn, "ssim")
    chosen = read_selection(drawn, "selected").positions(drawn)
    assert len({groups[at] for at in chosen}) == len(chosen)  # one picture a caption ...
    for at in chosen:
        twins = [row for row, group in enumerate(groups) if group == groups[at]]
        assert clip[at] == max(clip[twins])  # ... the best of them by CLIPScore
    best = {groups[row]: row for row in np.argsort(clip, kind="stable")}.values()
    worst_chosen = (clip + 0.5 * ssim)[chosen].min()
    assert sum((clip + 0.5 * ssim)[row] > worst_chosen + 1e-12 for row in best) < len(chosen)
    by_ssim = read_selection(drawn, "ssim").positions(drawn)
    assert ssim[by_ssim].min() >= np.delete(ssim, by_ssim).max() - 1e-12


def test_curation_keeps_the_better_captions(finished: Path) -> None:
    metrics = read_metrics(finished)
    found, filtered, kept = (
        metrics[f"synthvlm.curation.{step}.count"].value for step in ("found", "filtered", "curated")
    )
    assert found == 60
    assert kept == np.ceil(0.4 * filtered) < filtered < found
    assert metrics["synthvlm.curation.curated.true"].value > metrics["synthvlm.curation.found.true"].value
    source = PairStore(finished / "data" / "source")
    clip = dict(zip(source.ids(), read_scores(source, "clip"), strict=True))
    captions = PairStore(finished / "captions")
    lost = [row for row in captions.iter_pairs(status=None) if row.reason.startswith("score clip")]
    assert lost
    assert min(clip[name] for name in captions.ids()) >= max(clip[row.id] for row in lost)


def test_stage_1_moved_the_projector_alone(finished: Path) -> None:
    from safetensors.numpy import load_file

    one, two = (
        load_file(finished / "llava" / arm / "stage-1" / "model" / "model.safetensors") for arm in ("all-0", "real-0")
    )
    assert {name for name in one if not np.array_equal(one[name], two[name])} <= {
        name for name in one if "multi_modal_projector" in name
    }
    assert any(not np.array_equal(one[name], two[name]) for name in one)


def test_stores_are_whole(finished: Path) -> None:
    for name in ("data/source", "data/test", "captions", "images"):
        assert verify(finished / name).problems == ()


def test_a_finished_run_is_not_done_again(finished: Path) -> None:
    before = files_with_times(finished)
    run_synthvlm(scene_settings(), finished)
    assert files_with_times(finished) == before


def test_a_resumed_run_opens_no_model_of_finished_stages(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*args: object, **named: object) -> None:
        raise AssertionError("a model was opened")

    monkeypatch.setattr("pairsmith.recipes.synthvlm.recipe.open_generator", opened)
    monkeypatch.setattr("pairsmith.recipes.synthvlm.curate.FilterModels", opened)
    monkeypatch.setattr("pairsmith.curation.encoders.PictureEncoder.load", opened)
    file = finished / "evaluation" / "arms" / "random-0.json"
    before = file.read_bytes()
    file.unlink()
    run_synthvlm(scene_settings(), finished)
    assert file.read_bytes() == before


def test_a_run_that_was_moved_goes_on(finished: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(finished, tmp_path / "elsewhere"))
    (moved / "evaluation" / "arms" / "random-0.json").unlink()
    run_synthvlm(scene_settings(), moved)
    assert read_metrics(moved) == read_metrics(finished)


def test_another_setting_is_refused_by_name(finished: Path) -> None:
    with pytest.raises(InputError, match=r"selection\.share"):
        run_synthvlm(scene_settings("selection.share=0.25"), finished)


def test_a_run_that_lost_its_end_makes_the_same_figures_again(finished: Path) -> None:
    scores = finished / "evaluation" / "arms" / "random-0.json"
    before = scores.read_bytes()
    scores.unlink()
    run_synthvlm(scene_settings(), finished)
    assert scores.read_bytes() == before


def test_own_pairs_run_without_anything_of_scenes(shared: Path, tmp_path: Path) -> None:
    out = tmp_path / "own"
    run_synthvlm(own_settings(tmp_path / "models"), out, real=shared / "coco-mini")
    metrics = read_metrics(out)
    assert {"synthvlm.selected.cider", "synthvlm.random.cider", "synthvlm.real.cider"} <= set(metrics)
    assert not any("truth" in key or "shown" in key or "vqa" in key or ".stage_2." in key for key in metrics)
    assert not (out / "models").exists()
    training = {pair.group for pair in PairStore(out / "data" / "source").iter_pairs()}
    test = list(PairStore(out / "data" / "test").iter_pairs())
    assert len(test) == 4
    assert not training & {pair.group for pair in test}


@pytest.mark.parametrize("part", ["images.generator", "scoring.clip.model", "stage_1.parts.vision_tower"])
def test_parts_of_scenes_are_refused_for_own_pairs(shared: Path, tmp_path: Path, part: str) -> None:
    settings = own_settings(tmp_path / "models", f"{part}=scenes")
    with pytest.raises(InputError, match=f"{part}.*own pairs need another"):
        run_synthvlm(settings, tmp_path / "out", real=shared / "coco-mini")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("stage_1.epochs=1", "all arms take training.steps"),
        ("stage_1.style=vicuna_v1", "style plain"),
        ("selection.by=clip + blur", "'blur'"),
        ("selection.by=clip +", "selection"),
        ("curation.filters.scores=[{name: blur, least: 1}]", "no 'blur'"),
        ("curation.filters.verdict={}", "needs judge"),
        ("source.swapped=0.95", "more than 1"),
        ("arms=[all, all]", "named twice"),
        ("arms=[best]", "arms"),
        ("selection.shares=1", "did you mean 'selection.share'"),
    ],
)
def test_settings_that_do_not_fit_are_refused(override: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        scene_settings(override)


def test_presets_need_what_they_need() -> None:
    assert set(PRESETS) == {"tiny", "small", "paper"}
    with pytest.raises(InputError, match="--real"):
        load_preset("paper")
    with pytest.raises(InputError, match="there is no preset"):
        load_preset("huge")


def test_the_paper_preset_is_the_papers() -> None:
    paper = PRESETS["paper"]
    assert (paper.images.diffusers.steps, paper.images.diffusers.width) == (60, 1024)
    assert (paper.selection.by, paper.selection.share) == ("clip + 0.5 * ssim", 0.1)
    assert paper.scoring.clip.weight == 1
    assert {(rule.name, rule.least, rule.keep_top) for rule in paper.curation.filters.scores} == {
        ("clip", 0.28, None), ("blip_itm", 0.8, None), ("clip", None, 0.4),
    }  # fmt: skip
    rows = paper.stage_1.training.steps * paper.stage_1.training.batch_size
    assert 100_000 <= rows < 100_000 + paper.stage_1.training.batch_size  # one pass over the selected pairs


def test_every_preset_can_be_written_and_read() -> None:
    for settings in PRESETS.values():
        assert load_settings(SynthvlmSettings, json.loads(json.dumps(settings.to_dict()))) == settings
