from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from pairsmith.evaluation.image_text.open_clip_encoder import load_open_clip
from pairsmith.recipes.scene_models import shipped
from pairsmith.recipes.scene_models.flow import SceneReaders, scene_flow
from pairsmith.recipes.scene_models.reader import scene_reader
from pairsmith.recipes.scene_models.scorer import scene_scorer
from pairsmith.recipes.scene_models.ship import PARTS, marks
from pairsmith.recipes.scene_models.tower import scene_tower
from pairsmith.training.settings import TrainingSettings

LARGEST = 8 * 2**20


def train(folder: Path) -> None:
    save_file({"w": torch.tensor([0.1, 3.0]), "n": torch.tensor([7])}, folder / "model.safetensors", {"format": "pt"})
    (folder / "config.json").write_text("{}")


def test_a_part_is_shipped_only_where_its_settings_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped, "FOLDER", tmp_path / "package")
    trained = []

    def training(folder: Path) -> None:
        trained.append(folder)
        train(folder)

    first = shipped.trained_or_shipped("part", "mark", tmp_path / "first", training)
    assert len(trained) == 1
    assert load_file(first / "model.safetensors")["w"].dtype == torch.float16  # as shipped, so that both are the same
    assert load_file(first / "model.safetensors")["n"].dtype == torch.int64
    shipped.trained_or_shipped("part", "mark", tmp_path / "first", training)  # it is there
    assert len(trained) == 1
    (first / "training").mkdir()
    shipped.ship("part", "mark", first)
    assert not (tmp_path / "package" / "part" / "training").exists()
    second = shipped.trained_or_shipped("part", "mark", tmp_path / "second", training)
    assert len(trained) == 1
    assert (second / "model.safetensors").read_bytes() == (first / "model.safetensors").read_bytes()
    shipped.trained_or_shipped("part", "mark", tmp_path / "third", training, from_scratch=True)
    shipped.trained_or_shipped("part", "other", tmp_path / "fourth", training)
    assert len(trained) == 3


def test_a_killed_training_leaves_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "FOLDER", tmp_path / "package")

    def killed(folder: Path) -> None:
        train(folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shipped.trained_or_shipped("part", "mark", tmp_path / "run", killed)
    assert not (tmp_path / "run" / "config.json").exists()
    shipped.trained_or_shipped("part", "mark", tmp_path / "run", train)
    assert (tmp_path / "run" / "config.json").is_file()


def test_how_fast_and_loud_a_training_is_does_not_count() -> None:
    training = TrainingSettings(steps=5, batch_size=2)
    quiet = training.model_copy(update={"log_every": 1, "tensorboard": False, "checkpoint_every": 2})
    assert shipped.learning(quiet) == shipped.learning(training)
    assert shipped.learning(training.model_copy(update={"seed": 1})) != shipped.learning(training)


def test_the_shipped_parts_are_those_of_the_settings_and_small() -> None:
    assert shipped.shipped_marks() == marks()
    for name in PARTS:
        assert sum(file.stat().st_size for file in (shipped.FOLDER / name).iterdir()) <= LARGEST


def test_shipped_parts_load_in_float32(tmp_path: Path) -> None:
    generator = scene_flow(tmp_path / "flow")
    generator.check_codes(SceneReaders.load().tokenizer)
    encoder = load_open_clip(str(scene_scorer(tmp_path / "scorer")))
    tower = scene_tower(tmp_path / "tower")
    reader, _ = scene_reader(tmp_path / "reader")
    for model in (generator, encoder.model, tower, reader):
        assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert not (tmp_path / "flow" / "training").exists()
