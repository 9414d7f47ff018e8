from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from pairsmith.cli import app
from pairsmith.pairs import Pair, PairStore, imported_id
from pairsmith.vlm.llava.saving import save_llava
from tests.pairs.importers.samples import picture
from tests.vlm.llava.tiny import tiny_llava


def call(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize(("preset", "stage", "rate"), [("paper", 1, 1e-3), ("paper", 2, 2e-5), ("tiny", 2, 1e-3)])
def test_dry_run_shows_the_settings(preset: str, stage: int, rate: float) -> None:
    found = call("train", "llava", "--stage", stage, "--preset", preset, "--out", "x", "--dry-run")
    assert found.exit_code == 0, found.output
    assert yaml.safe_load(found.output)["training"]["learning_rate"] == rate


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--stage", 2], "--model"),
        (["--stage", 1, "--preset", "paper"], "--data"),
        (["--stage", 1, "--preset", "huge"], "huge"),
        (["--stage", 1, "--set", "tunning=full"], "tuning"),
        (["--stage", 1, "--set", "tuning=full"], "style plain"),
        (["--stage", 1, "--data", "nowhere"], "nowhere"),
        (["--stage", 1, "--set", "training.ema=0.9"], "ema"),
    ],
)
def test_what_a_user_can_mend_is_one_sentence(tmp_path: Path, arguments: list, sentence: str) -> None:
    found = call("train", "llava", "--out", tmp_path / "run", *arguments)
    assert found.exit_code == 2
    assert sentence in found.output
    assert "Traceback" not in found.output


def test_a_stage_is_trained_and_evaluated(tmp_path: Path) -> None:
    save_llava(*tiny_llava(), tmp_path / "start")
    pairs = [Pair(id=imported_id("t", str(at)), caption="a dog", image=picture(at, (20, 12), "PNG")) for at in range(5)]
    PairStore.write(tmp_path / "pairs", pairs, settings={})
    options = ["training.batch_size=2", "training.steps=2", "training.device=cpu", "max_length=60"]
    found = call(
        "train", "llava", "--stage", 1, "--data", tmp_path / "pairs", "--model", tmp_path / "start", "--out",
        tmp_path / "run", *(part for option in options for part in ("--set", option)),
    )  # fmt: skip
    assert found.exit_code == 0, found.output
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["llava.stage_1.rows"]["value"] == 5
    assert metrics["llava.stage_1.steps"]["value"] == 2
    assert (tmp_path / "run" / "settings.yaml").is_file()
    images, references, questions, annotations = _test_files(tmp_path)
    found = call(
        "evaluate", "llava", "--model", tmp_path / "run" / "model", "--images", images, "--references", references,
        "--questions", questions, "--annotations", annotations, "--max-new-tokens", 3, "--device", "cpu",
        "--out", tmp_path / "scores",
    )  # fmt: skip
    assert found.exit_code == 0, found.output
    metrics = json.loads((tmp_path / "scores" / "metrics.json").read_text())
    assert metrics["cider_d"]["n"] == metrics["swapped_cider_d"]["n"] == 3
    assert metrics["accuracy"]["n"] == 3
    assert metrics["majority.accuracy"]["value"] == pytest.approx(200 / 3)
    assert len(json.loads((tmp_path / "scores" / "captions.json").read_text())) == 3
    assert len(json.loads((tmp_path / "scores" / "answers.json").read_text())) == 3


def _test_files(folder: Path) -> tuple[Path, ...]:
    images = folder / "images"
    images.mkdir()
    for number in range(3):
        (images / f"{number}.png").write_bytes(picture(number, (20, 12), "PNG"))
    named = [{"id": number, "file_name": f"{number}.png"} for number in range(3)]
    captions = [{"id": number, "image_id": number, "caption": f"a dog {number}"} for number in range(3)]
    asked = [{"question_id": number, "image_id": number, "question": "What is it?"} for number in range(3)]
    answers = ["dog", "dog", "cat"]
    told = [
        {"question_id": at, "image_id": at, "question_type": "what is", "answer_type": "other",
         "answers": [{"answer": answers[at], "answer_id": number} for number in range(10)]}
        for at in range(3)
    ]  # fmt: skip
    contents = {"references": {"images": named, "annotations": captions}, "questions": {"questions": asked}}
    contents["annotations"] = {"annotations": told}
    for name, content in contents.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return images, *(folder / f"{name}.json" for name in contents)
