"""Each part is trained for a few steps, on a few pairs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from pairsmith.curation.encoders import SharedModels
from pairsmith.curation.score import Batch
from pairsmith.curation.scores.clip import ClipScore
from pairsmith.curation.scores.clip import ClipSettings as ClipScoreSettings
from pairsmith.errors import InputError
from pairsmith.pairs.images import decode_image
from pairsmith.recipes.scene_models.data import ScenePairs, write_scene_pairs
from pairsmith.recipes.scene_models.flow import SAMPLING, SceneFlowSettings, SceneReaders, scene_flow
from pairsmith.recipes.scene_models.scorer import SceneScorerSettings, scene_scorer
from pairsmith.recipes.scene_models.tower import (
    CaptionDecoder,
    CaptionedScenes,
    SceneTowerSettings,
    SceneTowerTask,
    scene_tower,
)
from pairsmith.training.settings import TrainingSettings
from pairsmith.vlm.llava.loading import load_vision_tower

PAIRS = ScenePairs(count=24)
TRAINING = TrainingSettings(steps=6, batch_size=8, learning_rate=3e-3, log_every=2, device="cpu", tensorboard=False)
TOWER = SceneTowerSettings(pairs=PAIRS, width=16, layers=2, heads=2, patch=32, decoder_layers=1, training=TRAINING)


def losses(folder: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (folder / "log.jsonl").read_text().splitlines()]


def test_the_generator_learns_and_draws(tmp_path: Path) -> None:
    base = SceneFlowSettings()
    sizes = {"width": 16, "mlp_width": 32, "heads": 2, "layers": 1, "text_layers": 1}
    learned = base.learned.model_copy(
        update={"generator": base.learned.generator.model_copy(update=sizes), "training": TRAINING}
    )
    settings = SceneFlowSettings(pairs=PAIRS, learned=learned)
    generator = scene_flow(tmp_path, settings)
    found = losses(tmp_path / "training" / "flow" / "training")
    assert found[-1] < found[0]
    readers = SceneReaders.load()
    text, mask = readers.text_encoder(generator.config.max_text, generator.config.text_layer).encode(["a star"])
    tokens = generator.draw(text, mask, SAMPLING, [1])
    assert tokens.shape == (1, 16)
    assert torch.equal(scene_flow(tmp_path, settings).draw(text, mask, SAMPLING, [1]), tokens)


def test_the_scorer_is_what_the_score_clip_takes(tmp_path: Path) -> None:
    base = SceneScorerSettings()
    settings = SceneScorerSettings(pairs=PAIRS, learned=base.learned.model_copy(update={"training": TRAINING}))
    folder = scene_scorer(tmp_path / "scorer", settings)
    score = ClipScore(ClipScoreSettings(model=str(folder), prefix=""), SharedModels())
    score.load()
    pairs = list(write_scene_pairs(PAIRS, tmp_path / "pairs").iter_pairs())[:3]
    views = {name: [view(decode_image(pair.image)) for pair in pairs] for name, view in score.views().items()}
    values = score.compute(Batch([pair.id for pair in pairs], [pair.caption for pair in pairs], views))
    assert values.shape == (3,)
    assert np.isfinite(values).all()


def test_the_shipped_scorer_prefers_true_captions_to_near_misses(tmp_path: Path) -> None:
    folder = scene_scorer(tmp_path / "scorer")
    score = ClipScore(ClipScoreSettings(model=str(folder), prefix=""), SharedModels())
    score.load()
    settings = ScenePairs(count=60, seed=5)
    pairs = list(write_scene_pairs(settings, tmp_path / "pairs", near_misses=True).iter_pairs())
    views = {name: [view(decode_image(pair.image)) for pair in pairs] for name, view in score.views().items()}
    ids = [pair.id for pair in pairs]
    right = score.compute(Batch(ids, [pair.caption for pair in pairs], views))
    wrong = score.compute(Batch(ids, [pair.negative for pair in pairs], views))
    assert (right > wrong).mean() > 0.8


def test_captions_are_read_word_by_word() -> None:
    scenes = CaptionedScenes(PAIRS)
    batch = scenes.collate([0, 4], [0, 0])
    assert batch["pixels"].shape == (2, 3, 64, 64)
    words = [scenes.vocabulary[number] for number in batch["words"][0] if number]
    assert (words[0], words[-1]) == ("<start>", "<end>")
    assert {*PAIRS.world.colours} & {*words}
    assert {*PAIRS.world.backgrounds} & {*words}


def test_the_tower_learns_and_is_found_again(tmp_path: Path) -> None:
    tower = scene_tower(tmp_path, TOWER)
    found = losses(tmp_path / "training")
    assert found[-1] < found[0]
    again = scene_tower(tmp_path, TOWER)
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in tower.state_dict().items())
    with pytest.raises(InputError, match="preprocessor"):
        load_vision_tower(tmp_path)


def test_words_for_colours_are_not_asked_of_pictures_in_false_colours(tmp_path: Path) -> None:
    tower = scene_tower(tmp_path, TOWER)
    decoder = CaptionDecoder(5, 6, 16, 2, 1)
    words = torch.tensor([[1, 3, 4, 2]] * 4)
    pixels = torch.randn(4, 3, 64, 64)

    def loss(share: float) -> tuple[float, float]:
        task = SceneTowerTask(tower, decoder, share, torch.tensor([4]))
        with torch.no_grad():
            found = task.loss((pixels, words), "main", 0, torch.Generator().manual_seed(0))
        return float(found.sum), float(found.count)

    true, false = loss(0.0), loss(1.0)
    assert true[1] == 12
    assert false[1] == 8
    assert true[0] / 12 != pytest.approx(false[0] / 8)
