"""Commands that measure dual encoders: every kind on the scene files, several models side by side, bad input."""

from __future__ import annotations

import functools
import json
import shutil
from collections import Counter
from pathlib import Path

import open_clip
import pytest

from pairsmith.evaluation import read_metrics
from pairsmith.pairs import Pair, PairStore, imported_id
from pairsmith.scenes import World, WorldSettings
from pairsmith.scenes.benchmark_files import write_scene_benchmark
from tests.cli.test_errors import only_sentence
from tests.evaluation.image_text.encoders import save_tiny_open_clip

SETTINGS = WorldSettings(
    image_size=32, classes=("circle", "cross", "star", "house", "moon"), colours=("red", "blue", "pink", "cyan")
)


read_tokenizer = functools.cache(open_clip.get_tokenizer)  # its table of 49,408 words takes long to read


@pytest.fixture(autouse=True)
def _tokenizer_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_clip, "get_tokenizer", read_tokenizer)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    write_scene_benchmark(folder, World(SETTINGS), images=24, per_class=8, seed=0)
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("models")
    return [save_tiny_open_clip(folder / f"seed-{seed}", seed) for seed in range(2)]


KINDS = {
    "retrieval": (["--data", "captions.json", "--images", "images"], {"image_retrieval_r1", "text_retrieval_r10"}, 120),
    "zero-shot": (["--data", "classification"], {"zero_shot_acc1", "zero_shot_acc5"}, 40),
    "probe": (["--data", "classification"], {"linear_probe_acc1", "linear_probe_mean_per_class_recall"}, 40),
    "few-shot": (["--data", "classification", "--episodes", "30"], {"few_shot_acc1"}, 30),
    "sugarcrepe": (["--data", "sugarcrepe", "--images", "images"], {"sugarcrepe", "sugarcrepe_swap_obj"}, None),
    "sugarcrepe-pp": (
        ["--data", "sugarcrepe_pp", "--images", "images"],
        {"sugarcrepe_pp_itt", "sugarcrepe_pp_tot"},
        None,
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_writes_its_figures(pairsmith, data: Path, models: list[Path], tmp_path: Path, kind: str) -> None:
    arguments, keys, count = KINDS[kind]
    places = [data / word if (data / word).exists() else word for word in arguments]
    result = pairsmith("evaluate", kind, *places, "--model", models[0], "--out", tmp_path, "--device", "cpu")
    assert result.exit_code == 0, result.stderr
    metrics = read_metrics(tmp_path)
    assert keys <= set(metrics)
    for metric in metrics.values():
        assert 0 <= metric.value <= 100
        assert metric.n > 0
    if count is not None:
        assert metrics[min(keys)].n == count
    for key in keys:
        assert key in result.output


def test_models_are_compared_and_the_same_model_does_not_differ(pairsmith, data: Path, models, tmp_path: Path) -> None:
    result = pairsmith(
        "evaluate", "sugarcrepe", "--data", data / "sugarcrepe", "--images", data / "images",
        "--model", f"a={models[0]}", "--model", f"b={models[0]}", "--model", models[1], "--out", tmp_path,
        "--device", "cpu",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    metrics = read_metrics(tmp_path)
    assert {"a.sugarcrepe", "b.sugarcrepe", "seed_1.sugarcrepe", "seed_1.minus_a.sugarcrepe"} <= set(metrics)
    same = metrics["b.minus_a.sugarcrepe"]
    items = [item for path in (data / "sugarcrepe").glob("*.json") for item in json.loads(path.read_text()).values()]
    shares = Counter(item["filename"] for item in items).values()
    images = sum(shares) ** 2 / sum(share**2 for share in shares)  # of equal weight; on none of them the two differ
    bound = 100 * (1 - 0.025 ** (1 / images))
    assert (same.value, same.low, same.high) == (0, pytest.approx(-bound), pytest.approx(bound))
    other = metrics["seed_1.minus_a.sugarcrepe"]
    assert other.value == pytest.approx(metrics["seed_1.sugarcrepe"].value - metrics["a.sugarcrepe"].value)
    assert "=: not significantly different from a" in result.output


def test_everything_on_scenes_that_are_made_on_the_way(pairsmith, models, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    arguments = ("evaluate", "scenes", "--data", folder, "--images", 20, "--image-size", 32)
    assert pairsmith(*arguments).exit_code == 0
    before = (folder / "truth.json").stat().st_mtime_ns
    shutil.rmtree(folder / "vqa", ignore_errors=True)
    result = pairsmith(
        *arguments, "--model", models[0], "--model", models[1], "--out", tmp_path / "out", "--device", "cpu"
    )
    assert result.exit_code == 0, result.stderr
    assert (folder / "truth.json").stat().st_mtime_ns == before  # not made again
    metrics = read_metrics(tmp_path / "out")
    tasks = ("linear_probe_acc1", "few_shot_acc1", "image_retrieval_r5", "text_retrieval_r5", "zero_shot_acc1")
    first, second = ([metrics[f"seed_{seed}.{task}"].value for task in tasks] for seed in (0, 1))
    expected = 100 * sum(b / a - 1 for a, b in zip(first, second, strict=True)) / 5
    assert metrics["seed_1.delta_mtl"].value == pytest.approx(expected)
    assert "seed_0.delta_mtl" not in metrics


def test_clipscore_of_results(pairsmith, data: Path, models, tmp_path: Path) -> None:
    annotations = json.loads((data / "captions.json").read_text())["annotations"]
    captions = {entry["image_id"]: entry["caption"] for entry in annotations}
    results = tmp_path / "results.json"
    results.write_text(json.dumps([{"image_id": image, "caption": text} for image, text in captions.items()]))
    arguments = (
        "evaluate", "clipscore", "--references", data / "captions.json", "--results", results, "--model", models[0],
    )  # fmt: skip
    result = pairsmith(*arguments, "--images", data / "images", "--out", tmp_path, "--device", "cpu")
    assert result.exit_code == 0, result.stderr
    metrics = read_metrics(tmp_path)
    assert metrics["ref_clipscore"].n == metrics["clipscore"].n == 24
    assert "give their folder with --images" in only_sentence(pairsmith(*arguments))


def test_delta_mtl_of_written_figures(pairsmith, tmp_path: Path) -> None:
    for name, values in {"base": (50.0, 10.0), "ours": (60.0, 5.0)}.items():
        figures = {
            key: {"value": value, "n": 1, "low": None, "high": None}
            for key, value in zip(("acc", "fid"), values, strict=True)
        }
        (tmp_path / f"{name}.json").write_text(json.dumps(figures))
    arguments = ("evaluate", "delta-mtl", "--metrics", tmp_path / "ours.json", "--baseline", tmp_path / "base.json")
    result = pairsmith(*arguments, "--task", "acc", "--task=-fid", "--out", tmp_path / "m.json")
    assert result.exit_code == 0, result.stderr
    assert read_metrics(tmp_path / "m.json")["delta_mtl"].value == pytest.approx(35)
    assert "task_mean" not in read_metrics(tmp_path / "m.json")  # of figures that go opposite ways
    result = pairsmith(*arguments, "--task", "acc", "--task", "fid", "--out", tmp_path / "both.json")
    assert read_metrics(tmp_path / "both.json")["task_mean"].value == pytest.approx(32.5)
    assert "has no figure 'nonsense'" in only_sentence(pairsmith(*arguments, "--task", "nonsense"))


def test_bad_input_is_a_sentence(pairsmith, data: Path, models, tmp_path: Path) -> None:
    crepe = ("evaluate", "sugarcrepe", "--data", data / "sugarcrepe")
    sentence = only_sentence(pairsmith(*crepe, "--images", tmp_path, "--model", models[0], "--device", "cpu"))
    assert "24 of 24 images are not in" in sentence
    sentence = only_sentence(pairsmith(*crepe, "--images", data / "images", "--model", tmp_path, "--device", "cpu"))
    assert "has no open_clip_config.json" in sentence
    sentence = only_sentence(
        pairsmith(*crepe, "--images", data / "images", "--model", models[0], "--model", models[0], "--device", "cpu")
    )
    assert "two models are called 'seed_0'" in sentence
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("a photo\n")
    sentence = only_sentence(
        pairsmith(
            "evaluate", "zero-shot", "--data", data / "classification", "--model", models[0], "--templates", prompts,
            "--device", "cpu",
        )
    )  # fmt: skip
    assert "'a photo' has no {c}" in sentence


def test_clipscore_of_a_pair_store(pairsmith, data: Path, models, tmp_path: Path) -> None:
    names = json.loads((data / "truth.json").read_text())
    rows = [
        Pair(
            id=imported_id("x", name), caption="a circle", references=("a star", "a cross"), generator="x",
            image=(data / "images" / name).read_bytes(),
        )
        for name in names
    ]  # fmt: skip
    store = PairStore.write(tmp_path / "store", rows, settings={"name": "x"}).folder
    arguments = ("evaluate", "clipscore", "--results", store, "--model", models[0], "--device", "cpu")
    result = pairsmith(*arguments, "--out", tmp_path / "m.json")
    assert result.exit_code == 0, result.stderr
    assert set(read_metrics(tmp_path / "m.json")) == {"clipscore", "ref_clipscore"}
    sentence = only_sentence(pairsmith("evaluate", "clipscore", "--results", data / "captions.json", "--model", "x:y"))
    assert "--references" in sentence


def test_absent_subsets_are_told(pairsmith, data: Path, models, tmp_path: Path) -> None:
    (tmp_path / "some").mkdir()
    shutil.copy(data / "sugarcrepe" / "swap_obj.json", tmp_path / "some")
    result = pairsmith(
        "evaluate", "sugarcrepe", "--data", tmp_path / "some", "--images", data / "images", "--model", models[0],
        "--device", "cpu",
    )  # fmt: skip
    assert result.exit_code == 0
    assert "without add_att, add_obj, replace_att, replace_obj, replace_rel, swap_att" in result.output
