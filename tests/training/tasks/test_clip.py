"""The dual encoder's task: it learns, ranks and restarts change nothing, and what comes out is open_clip's."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from pydantic import ValidationError

from pairsmith.clip.curriculum import CurriculumSettings
from pairsmith.clip.saving import WEIGHTS_NAME
from pairsmith.evaluation.image_text.open_clip_encoder import load_open_clip
from pairsmith.pairs import PairStore
from pairsmith.pairs.images import decode_image
from pairsmith.training.clip.presets import PRESETS
from pairsmith.training.clip.run import MODEL_FOLDER, clip_task, train_dual_encoder
from pairsmith.training.distributed import Ranks
from pairsmith.training.tasks.clip import ClipLossSettings, ClipTask
from tests.training.clip.data import CONFIG, make_settings, make_store
from tests.training.tasks.run_clip_ranks import SCENARIOS, run

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> PairStore:
    return make_store(tmp_path_factory.mktemp("data") / "store")


@pytest.fixture(scope="module")
def two(store, tmp_path_factory) -> dict:
    folder = tmp_path_factory.mktemp("two")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    module = ["-m", "tests.training.tasks.run_clip_ranks", str(store.folder), str(folder)]
    subprocess.run([*launch, *module], cwd=ROOT, check=True)
    return json.loads((folder / "found.json").read_text())


@pytest.mark.parametrize("name", SCENARIOS)
def test_two_ranks_equal_one(two, store, tmp_path, name):
    one, found = run(name, store.folder, tmp_path), two[name]
    assert found["losses"] == pytest.approx(one["losses"], rel=1e-4)
    assert found["negatives"] == pytest.approx(one["negatives"])
    for key, expected in one["weights"].items():
        weights = found["weights"][key]
        if key.endswith("in_proj_bias"):  # a bias of keys changes no attention: its gradient is rounding alone
            third = len(weights) // 3
            weights, expected = (values[:third] + values[2 * third :] for values in (weights, expected))
        assert weights == pytest.approx(expected, abs=2e-4), key
    assert len(set(one["losses"])) == len(one["losses"])


def test_it_learns_which_colour_is_above(store, tmp_path):
    settings = make_settings(
        steps=120,
        views=2,
        loss=ClipLossSettings(negatives="images"),
        training={"batch_size": 16, "log_every": 20, "warmup_steps": 10, "decay": "cosine"},
        curriculum=CurriculumSettings(shape="linear", share=0.5, epochs=5),
    )
    result = train_dual_encoder(store, settings, tmp_path)
    assert result.history[-1]["loss"] < 0.5 * math.log(8)  # chance is log 8 for pictures, log 4 or so for texts
    encoder = load_open_clip(str(tmp_path / MODEL_FOLDER))
    pairs = list(store.iter_pairs())
    with torch.no_grad():
        images = encoder.encode_images([decode_image(pair.image) for pair in pairs])
        true, false = (
            encoder.encode_texts([getattr(pair, name) for pair in pairs]) for name in ("caption", "negative")
        )
        cosine = torch.nn.functional.cosine_similarity
        assert float((cosine(images, true) > cosine(images, false)).float().mean()) > 0.9


class Stop(Exception):
    """Raised to break a run off."""


def test_broken_off_and_resumed_equals_straight(store, tmp_path, monkeypatch):
    settings = make_settings(
        steps=9, training={"checkpoint_every": 2}, loss=ClipLossSettings(negatives="texts"),
        curriculum=CurriculumSettings(epochs=3),
    )  # fmt: skip
    train_dual_encoder(store, settings, tmp_path / "straight")
    loss = ClipTask.loss

    def fatal(self, batch, phase, step, generator):
        if step == 5:  # in the middle of an epoch, after the checkpoint of step 4
            raise Stop
        return loss(self, batch, phase, step, generator)

    monkeypatch.setattr(ClipTask, "loss", fatal)
    with pytest.raises(Stop):
        train_dual_encoder(store, settings, tmp_path / "broken")
    monkeypatch.setattr(ClipTask, "loss", loss)
    train_dual_encoder(store, settings, tmp_path / "broken")
    files = [(tmp_path / name / MODEL_FOLDER / WEIGHTS_NAME).read_bytes() for name in ("straight", "broken")]
    assert files[0] == files[1]


def test_a_trained_model_is_the_same_in_open_clip(store, tmp_path):
    settings = make_settings(steps=2)
    train_dual_encoder(store, settings, tmp_path)
    task, _ = clip_task(store, settings, Ranks())
    name = f"local-dir:{tmp_path / MODEL_FOLDER}"
    loaded, _, transform = open_clip.create_model_and_transforms(name)
    state = loaded.state_dict()
    trained = task.model.state_dict()
    assert state.keys() == trained.keys()
    assert any(not torch.equal(state[key], trained[key]) for key in state)  # two steps were made
    task.model.load_state_dict(state)
    tokens = open_clip.get_tokenizer(name)(["red above blue"])
    assert torch.equal(tokens, task.encoder.tokenize()(["red above blue"]))
    # A batch's pixels, as the task prepares them, are what open_clip's transform makes of the picture.
    picture = decode_image(next(store.iter_pairs()).image)
    pixels = torch.from_numpy(np.asarray(picture).transpose(2, 0, 1).copy())[None]
    prepared = task.prepare({"pixels": pixels}, torch.device("cpu"))["pixels"]
    torch.testing.assert_close(prepared, transform(picture)[None])
    with torch.no_grad():
        assert torch.equal(task.model.eval().encode_image(prepared), loaded.eval().encode_image(prepared))
        assert torch.equal(task.model.encode_text(tokens), loaded.encode_text(tokens))


def test_weight_decay_spares_vectors_alone(store):
    task, _ = clip_task(store, make_settings(), Ranks())
    decayed = {item.name.removeprefix("clip."): item.decay for item in task.parameters("main")}
    assert len(decayed) == len(list(task.model.parameters()))
    for name, parameter in task.model.named_parameters():
        assert decayed[name] == (parameter.ndim >= 2), name
    assert not decayed["logit_scale"]
    assert decayed["token_embedding.weight"]


def test_the_head_of_the_views_is_trained_but_not_part_of_the_model(store):
    settings = make_settings(views=2, loss=ClipLossSettings(views_weight=1.0, views_head=24))
    task, feed = clip_task(store, settings, Ranks())
    found = task.loss(task.prepare(feed.batch(0), torch.device("cpu")), "main", 0, torch.Generator())
    found.sum.backward()
    names = {item.name.split(".")[0] for item in task.parameters("main")}
    assert names == {"clip", "views_head"}
    assert all(item.parameter.grad.abs().sum() > 0 for item in task.parameters("main") if "views_head" in item.name)
    assert not any("head" in name for name in task.encoder.model.state_dict())


def test_the_layers_of_both_towers_are_blocks(store):
    task, _ = clip_task(store, make_settings(), Ranks())
    assert [type(block).__name__ for block in task.blocks()] == ["ResidualAttentionBlock"] * 2


def test_the_scale_is_kept_within_bounds(store):
    task, _ = clip_task(store, make_settings(), Ranks())
    for value, expected in ((9.0, math.log(100)), (-1.0, 0.0), (3.0, 3.0)):
        with torch.no_grad():
            task.model.logit_scale.fill_(value)
            task.after_step("main", 0)
        assert task.model.logit_scale.item() == pytest.approx(expected)


@pytest.mark.parametrize("negatives", ["texts", "images"])
def test_the_loss_does_not_jump_when_negatives_come(store, negatives):
    """An encoder that knows nothing pays log(candidates), whether a batch holds negatives or not."""
    losses = []
    for share in (0.0, 0.5):
        settings = make_settings(
            loss=ClipLossSettings(negatives=negatives),
            curriculum=CurriculumSettings(shape="constant", share=share),
            training={"batch_size": 4},
        )
        task, feed = clip_task(store, settings, Ranks())
        with torch.no_grad():
            task.model.logit_scale.fill_(-20.0)  # all similarities are 0
            found = task.loss(
                task.prepare(feed.batch(0), torch.device("cpu")), "main", 0, torch.Generator().manual_seed(0)
            )
        losses.append(float(found.sum) / float(found.count))
    # 4 captions; with negatives pictures see 8 texts, or texts the 2 pictures of their own side.
    expected = math.log(4) + (math.log(2) / 2 if negatives == "texts" else -math.log(2) / 2)
    assert losses[0] == pytest.approx(math.log(4), rel=1e-5)
    assert losses[1] == pytest.approx(expected, rel=1e-5)


def test_precision_does_not_change_what_the_loss_is(store):
    settings = make_settings(loss=ClipLossSettings(negatives="texts", rank_weight=0.2))
    task, feed = clip_task(store, settings, Ranks())
    batch = task.prepare(feed.batch(0), torch.device("cpu"))
    with torch.no_grad():
        full = task.loss(batch, "main", 0, torch.Generator())
        with torch.autocast("cpu", torch.bfloat16):
            half = task.loss(batch, "main", 0, torch.Generator())
    assert half.sum.dtype == torch.float32
    assert float(half.sum) == pytest.approx(float(full.sum), rel=0.02)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"contrast": "diht", "negatives": "texts"}, "takes no hard ones"),
        ({"rank_weight": 0.2}, "negatives=texts"),
        ({"views_head": 8}, "set views_weight too"),
    ],
)
def test_losses_that_do_not_go_together(settings, message):
    with pytest.raises(ValidationError, match=message):
        ClipLossSettings(**settings)


def test_settings_that_do_not_go_together():
    with pytest.raises(ValidationError, match="views of 2 or more"):
        make_settings(loss=ClipLossSettings(views_weight=1.0))
    with pytest.raises(ValidationError, match="none or ddp"):
        make_settings(training={"parallel": "fsdp2"})


def test_epochs_become_steps():
    found = make_settings(epochs=40, warmup_epochs=1).resolved(7)
    assert (found.steps, found.warmup_steps) == (280, 7)
    assert make_settings(steps=3).resolved(7).steps == 3
    kept = make_settings(epochs=2, training={"warmup_steps": 5}).resolved(7)
    assert (kept.steps, kept.warmup_steps) == (14, 5)


def test_the_papers_settings():
    """SynthCLIP §4.1 and the author's code: sizes, optimiser, schedule, crops, normalisation."""
    for name in ("synthclip", "paper"):
        settings = PRESETS[name]
        training = settings.training
        assert (settings.epochs, settings.warmup_epochs, training.batch_size) == (40, 1, 4096)
        assert (training.learning_rate, training.weight_decay, training.betas) == (5e-4, 0.5, (0.9, 0.98))
        assert (training.epsilon, training.decay, settings.crop.area) == (1e-8, "cosine", (0.5, 1.0))
        assert settings.model.mean == (0.485, 0.456, 0.406)
    assert PRESETS["synthclip"].views == 1
    assert PRESETS["synthclip"].loss == ClipLossSettings()
    with torch.device("meta"):
        model = open_clip.CLIP(**PRESETS["paper"].model.architecture)
    assert sum(parameter.numel() for parameter in model.visual.parameters()) == 85_798_656 + 768 * 512
    stacks = [module for name, module in model.named_modules() if name.endswith("blocks")]
    assert [len(list(stack.children())) for stack in stacks] == [12, 12]  # what is compiled, in timm's tower too
    assert model.logit_scale.ndim == 0
    assert CONFIG.words
