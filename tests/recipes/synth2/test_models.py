"""The recipe's models: every setting reaches its training, and a killed run never leaves half a model behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from pairsmith.errors import InputError
from pairsmith.pairs import Pair, PairStore, imported_id
from pairsmith.recipes.place import Place
from pairsmith.recipes.synth2 import models
from pairsmith.recipes.synth2.presets import preset
from pairsmith.recipes.synth2.shipped import FOLDER, MODELS, check_from_scratch, take_shipped
from pairsmith.tokenizer.discriminator import PatchDiscriminator
from pairsmith.training.checkpoint import MODEL, latest_checkpoint
from tests.pairs.importers.samples import picture
from tests.pairs.rows import folder_bytes
from tests.recipes.synth2.tiny import scene_settings


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


def test_the_tokenizer_is_trained_with_all_its_terms(tmp_path: Path) -> None:
    settings = scene_settings(
        "tokenizer.losses.perceptual=random-pyramid",
        "tokenizer.losses.perceptual_weight=0.1",
        "tokenizer.losses.adversarial_weight=0.1",
        "tokenizer.discriminator={channels: 8, levels: 2, norm_groups: 4}",
        "tokenizer.discriminator_learning_rate=1.0e-30",
        "tokenizer_training.warmup_steps=0",
        "tokenizer_training.weight_decay=0.0",
    )
    pairs = [Pair(id=imported_id("x", str(i)), caption="", image=picture(i, (64, 64))) for i in range(4)]
    models.train_tokenizer(
        settings, PairStore.write(tmp_path / "pictures", pairs, settings={}), tmp_path / "t", Place()
    )
    line = json.loads((tmp_path / "t" / "training" / "log.jsonl").read_text().splitlines()[-1])
    assert line["tokenizer/perceptual"] > 0
    assert line["discriminator/gradient_norm"] > 0
    # A learning rate of its own: one far below rounding leaves the discriminator where it was.
    found = latest_checkpoint(tmp_path / "t" / "training")
    assert found is not None
    judge = PatchDiscriminator(settings.tokenizer.discriminator).state_dict()
    trained = load_file(found / MODEL)
    assert all(torch.allclose(trained[f"discriminator.{name}"], weight, atol=1e-12) for name, weight in judge.items())


def test_missing_weights_of_the_perceptual_net_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    store = PairStore.write(tmp_path / "pictures", [], settings={})
    with pytest.raises(InputError, match=r"resnet50.*set the tokenizer's losses\.perceptual to none"):
        models.train_tokenizer(
            scene_settings("tokenizer.losses.perceptual=resnet50-logits", "tokenizer.losses.perceptual_weight=0.1"),
            store,
            tmp_path / "t",
            Place(),
        )


@pytest.mark.parametrize("moved", [0, 1, 3])
def test_a_kill_between_the_files_of_shipped_models_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moved: int
) -> None:
    real, calls = Path.replace, [0]

    def replace(self: Path, target: Path) -> Path:
        if calls[0] == moved:
            raise Killed
        calls[0] += 1
        return real(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        with pytest.raises(Killed):
            take_shipped(preset("tiny"), tmp_path)
    for config in tmp_path.glob("*/config.json"):
        assert folder_bytes(config.parent) == folder_bytes(FOLDER / config.parent.name)
    take_shipped(preset("tiny"), tmp_path)
    for name in MODELS:
        assert folder_bytes(tmp_path / name) == folder_bytes(FOLDER / name)


def test_shipped_models_are_not_taken_for_trained_ones(tmp_path: Path) -> None:
    check_from_scratch(tmp_path)
    take_shipped(preset("tiny"), tmp_path)
    for name in MODELS:
        with pytest.raises(InputError, match=f"{name} came with the package"):
            check_from_scratch(tmp_path)
        (tmp_path / name / "training").mkdir()
    check_from_scratch(tmp_path)


def test_a_kill_while_a_language_model_is_saved_leaves_no_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = PairStore.write(
        tmp_path / "text", [Pair(id=imported_id("x", "0"), caption="a red circle")], settings={"text": 1}
    )
    settings = scene_settings("language_model_training.steps=1", "language_model.width=8", "language_model.layers=1")
    folder = tmp_path / "lm"

    def killed(*unused: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(models.PreTrainedTokenizerFast, "save_pretrained", killed)
        with pytest.raises(Killed):
            models.train_language_model(settings, text, folder, Place())
    again, _ = models.train_language_model(settings, text, folder, Place())
    loaded, hf_tokenizer = models.train_language_model(settings, text, folder, Place())  # now from the folder
    assert len(hf_tokenizer) == 7
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), loaded.parameters(), strict=True))
