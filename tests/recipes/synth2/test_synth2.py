from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from pairsmith.errors import InputError
from pairsmith.evaluation import read_metrics
from pairsmith.generators import MaskedGenerator
from pairsmith.pairs import PairStore
from pairsmith.pairs.verify import verify
from pairsmith.recipes.run_files import read_run
from pairsmith.recipes.synth2.models import load_language_model, text_encoder
from pairsmith.recipes.synth2.presets import PRESETS, preset
from pairsmith.recipes.synth2.recipe import run_synth2
from pairsmith.recipes.synth2.results import collect_metrics
from pairsmith.recipes.synth2.settings import Synth2Settings
from pairsmith.recipes.synth2.shipped import FOLDER, RECORD_NAME, made_with
from pairsmith.settings import load_settings
from pairsmith.tokenizer.model import VQTokenizer
from pairsmith.vlm.model import VisionLanguageModel
from tests.recipes.synth2.tiny import own_settings, scene_settings

CONTRACT = (
    "synth2.baseline.cider",
    "synth2.synthetic.cider",
    "synth2.pixels.cider",
    "synth2.gold.cider",
    "synth2.speed.embedding_over_pixel",
    "synth2.diversity.entropy_bits",
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "scenes"
    run_synth2(scene_settings(), out)
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
    for key in CONTRACT:
        assert key in metrics
        assert metrics[key].value >= 0
    assert metrics["synth2.baseline.cider"].n == 8
    assert 0 <= metrics["synth2.diversity.entropy_bits"].value <= 2  # log2 of 4 clusters
    assert metrics["synth2.speed.embedding_over_pixel"].value > 0
    assert yaml.safe_load((finished / "settings.yaml").read_text())["real"] is None
    assert "torch" in (finished / "environment.json").read_text()


def test_all_arms_take_equal_steps_from_the_same_start(finished: Path) -> None:
    run = read_run(finished)
    assert {arm["arm"] for arm in run["arms"]} == {"baseline", "synthetic", "pixels", "gold"}
    assert {tuple(point["step"] for point in arm["curve"]) for arm in run["arms"]} == {(2, 4)}


def test_stores_are_whole_and_name_their_tokenizer(finished: Path) -> None:
    for name in ("data/real", "data/test", "tokens/real", "tokens/test", "captions", "synthetic", "gold"):
        assert verify(finished / name).problems == ()
    real, synthetic, gold = (PairStore(finished / name) for name in ("tokens/real", "synthetic", "gold"))
    assert real.manifest.tokenizer == synthetic.manifest.tokenizer == gold.manifest.tokenizer
    captions = PairStore(finished / "captions")
    assert [pair.group for pair in synthetic.iter_pairs()] == captions.ids()
    assert all(pair.axis == "seen" for pair in PairStore(finished / "data/real").iter_pairs())


def test_a_finished_run_is_not_done_again(finished: Path) -> None:
    before = files_with_times(finished)
    run_synth2(scene_settings(), finished)
    assert files_with_times(finished) == before


def test_another_setting_is_refused_by_name(finished: Path) -> None:
    with pytest.raises(InputError, match=r"synthesis\.fraction"):
        run_synth2(scene_settings("synthesis.fraction=0.25"), finished)


def test_a_run_that_lost_its_end_makes_the_same_figures_again(finished: Path) -> None:
    scores = finished / "evaluation" / "arms" / "synthetic-0.json"
    before = json.loads(scores.read_text())
    scores.unlink()
    run_synth2(scene_settings(), finished)
    after = json.loads(scores.read_text())
    assert after["captions"] == before["captions"]
    assert after["metrics"] == before["metrics"]


def test_seeds_that_are_not_asked_for_are_left_out(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "evaluation", tmp_path / "evaluation")
    arms = tmp_path / "evaluation" / "arms"
    entry = json.loads((arms / "baseline-0.json").read_text())
    scores = [value + 10 for value in entry["per_image"]["cider_d"]]
    (arms / "baseline-1.json").write_text(json.dumps({**entry, "seed": 1, "per_image": {"cider_d": scores}}))
    one, two = (collect_metrics(scene_settings(f"seeds={seeds}"), tmp_path) for seeds in (1, 2))
    key = "synth2.baseline.cider"
    assert one[key] == read_metrics(finished)[key]
    assert two[key].value == pytest.approx(one[key].value + 5)
    assert [entry["seed"] for entry in read_run(tmp_path, 1)["arms"] if entry["arm"] == "baseline"] == [0]


def test_the_vlm_loads_as_it_was(finished: Path) -> None:
    model = VisionLanguageModel.from_pretrained(finished / "vlm" / "synthetic-0")
    assert model.config.codebook_size == 64


def test_own_pairs_run_without_anything_of_scenes(shared: Path, tmp_path: Path) -> None:
    out = tmp_path / "own"
    run_synth2(own_settings(tmp_path / "lm", "synthesis.mode=online"), out, real=shared / "coco-mini")
    assert not (out / "synthetic").exists()  # every step draws its own pictures
    metrics = read_metrics(out)
    assert "synth2.synthetic.cider" in metrics
    assert not any("gold" in key or "truth" in key or "faithfulness" in key for key in metrics)
    train = {pair.group for pair in PairStore(out / "data" / "real").iter_pairs()}
    test = list(PairStore(out / "data" / "test").iter_pairs())
    assert len(test) == 4
    assert not train & {pair.group for pair in test}
    assert all(len(pair.references) >= 5 for pair in test)
    stored = " ".join(pair.caption for pair in PairStore(out / "captions").iter_pairs(status=None))
    assert "background" not in stored


def test_the_generator_keeps_what_it_was_trained_with(finished: Path) -> None:
    generator = MaskedGenerator.from_pretrained(finished / "models" / "generator")
    assert generator.config.text_layer == scene_settings().language_model.text_layer != -1
    lm = load_language_model(finished / "models" / "language_model")
    assert generator.config.text_model == text_encoder(scene_settings(), *lm).fingerprint()
    tokenizer = VQTokenizer.from_pretrained(finished / "models" / "tokenizer")
    assert generator.config.codes == tokenizer.codes_fingerprint()
    with pytest.raises(InputError, match="take the tokenizer"):
        generator.check_codes(VQTokenizer(tokenizer.config))


def test_too_few_own_pairs_are_refused(tmp_path: Path) -> None:
    (tmp_path / "pairs").mkdir()
    (tmp_path / "pairs" / "a.txt").write_text("a dog")
    with pytest.raises(InputError):
        run_synth2(own_settings(tmp_path / "lm"), tmp_path / "out", real=tmp_path / "pairs")


def test_a_tokenizer_that_would_never_place_its_codes_is_refused() -> None:
    with pytest.raises(InputError, match=r"^settings: tokenizer.continuous_steps 900 leave none of .* 900$"):
        load_settings(Synth2Settings, preset("tiny").to_dict(), None, ["tokenizer_training.steps=900"])


def test_presets_need_what_they_need() -> None:
    assert set(PRESETS) == {"tiny", "small", "paper"}
    with pytest.raises(InputError, match="--real"):
        preset("paper")
    with pytest.raises(InputError, match="there is no preset"):
        preset("huge")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("chinchilla-400m", "never released; take another with --set language_model.source="),
        ("scenes", "own pairs need a language model"),
        ("./no-such-model", "no-such-model"),
    ],
)
def test_a_language_model_that_cannot_be_had_stops_the_run_before_it_begins(
    tmp_path: Path, source: str, words: str
) -> None:
    settings = load_settings(Synth2Settings, PRESETS["paper"].to_dict(), None, [f"language_model.source={source}"])
    with pytest.raises(InputError, match=words):
        run_synth2(settings, tmp_path / "out", real=tmp_path)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", PRESETS)
def test_every_training_of_a_preset_is_logged_for_tensorboard_too(name: str) -> None:
    trainings = [
        value for value in PRESETS[name].to_dict().values() if isinstance(value, dict) and "log_every" in value
    ]
    assert len(trainings) >= 3
    assert all(training["tensorboard"] for training in trainings)


def test_shipped_weights_belong_to_the_tiny_preset() -> None:
    shipped = json.loads((FOLDER / RECORD_NAME).read_text())
    assert shipped == made_with(preset("tiny"))
    assert sum(file.stat().st_size for file in FOLDER.rglob("*") if file.is_file()) <= 20e6
