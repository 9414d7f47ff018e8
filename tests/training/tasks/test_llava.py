from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pairsmith.pairs.conversations import Exchange
from pairsmith.training.loop import train
from pairsmith.training.settings import TrainingSettings
from pairsmith.training.tasks.llava import LlavaTask
from pairsmith.vlm.llava.encoding import LlavaBatch, TextEncoder, collate
from pairsmith.vlm.llava.prompts import Piece, write_vicuna
from pairsmith.vlm.llava.tuning import PROJECTOR, VISION, LoraSettings, Tuning, add_lora, merge_lora
from tests.vlm.llava.tiny import tiny_llava

CPU = torch.device("cpu")
LORA = LoraSettings(rank=2, alpha=4, dropout=0.1)


def make_task(tuning: Tuning = "projector", **options) -> LlavaTask:
    model, processor = tiny_llava()
    if tuning == "lora":
        add_lora(model, LORA, 0)
    task = LlavaTask(model, tuning, **options)
    task.processor = processor
    return task


def make_batch(task: LlavaTask, texts: str = "psp") -> LlavaBatch:
    """Rows with a picture (p), with two (d), and of text alone (s), of different lengths."""
    config = task.model.config
    encoder = TextEncoder(task.processor.tokenizer, config.image_token_id, config.image_seq_length, 300)
    rows = []
    for number, kind in enumerate(texts):
        question = {"p": "<image>", "d": "<image><image>", "s": ""}[kind] + "What" + "?" * number
        rows.append(encoder.encode(write_vicuna([Exchange(question, "A " + "dog " * number + ".")], "</s>", "")))
    count = sum(row.images for row in rows)
    pixels = torch.randn(count, 3, 16, 16, generator=torch.Generator().manual_seed(3))
    return collate(rows, pixels, 0)


@pytest.mark.parametrize("texts", ["psp", "dp", "ss"])
def test_the_loss_is_the_models_own_summed_over_answers(texts: str) -> None:
    task = make_task()
    batch = make_batch(task, texts)
    found = task.loss(batch, "main", 0, torch.Generator())
    pixels = {"pixel_values": batch.pixel_values} if len(batch.pixel_values) else {}
    own = task.model(input_ids=batch.input_ids, attention_mask=batch.attention_mask, labels=batch.labels, **pixels).loss
    assert float(found.count) == float((batch.labels != -100).sum())
    assert torch.allclose(found.sum / found.count, own, rtol=1e-5)


def test_micro_batches_add_up_to_the_whole() -> None:
    task = make_task("full")
    task.model.eval()
    batch = make_batch(task, "pdsps")
    whole = task.loss(batch, "main", 0, torch.Generator())
    for parts in (2, 5):
        pieces = [task.loss(piece, "main", 0, torch.Generator()) for piece in task.split(batch, parts)]
        assert torch.allclose(sum(piece.sum for piece in pieces), whole.sum, rtol=1e-5)
        assert sum(int(piece.count) for piece in pieces) == int(whole.count)


def test_text_alone_still_gives_the_projector_a_gradient_of_zero() -> None:
    task = make_task()
    task.loss(make_batch(task, "ss"), "main", 0, torch.Generator()).sum.backward()
    for item in task.parameters("main"):
        assert item.parameter.grad is not None
        assert not item.parameter.grad.any()


def test_rows_that_were_cut_are_counted() -> None:
    task = make_task()
    config = task.model.config
    encoder = TextEncoder(task.processor.tokenizer, config.image_token_id, config.image_seq_length, 8)
    rows = [encoder.encode([Piece("ab", True)]), encoder.encode([Piece("a" * 20, True)])]
    batch = collate(rows, torch.empty(0, 3, 16, 16), 0)
    assert task.loss(batch, "main", 0, torch.Generator()).parts["rows_cut"] == (1.0, 2.0)


class Batches:
    def __init__(self, task: LlavaTask) -> None:
        self._task = task

    def batch(self, step: int) -> LlavaBatch:
        return make_batch(self._task, ("psdp", "ssps", "pppp")[step % 3])


def run(out: Path, tuning: Tuning, steps: int = 4, **options) -> tuple[dict, LlavaTask]:
    """The state before training, and the task after it."""
    task = make_task(tuning, **options)
    before = {name: value.clone() for name, value in task.model.state_dict().items()}
    settings = TrainingSettings(
        steps=steps, batch_size=4, micro_batch=2, learning_rate=1e-2, weight_decay=0.0, checkpoint_every=2, device="cpu"
    )
    train(task, Batches(task), settings, out)
    return before, task


TRAINED = {
    "projector": lambda name: name.startswith(PROJECTOR),
    "full": lambda name: not name.startswith(VISION),
    "lora": lambda name: name.startswith(PROJECTOR) or "lora_" in name,
}


@pytest.mark.parametrize("tuning", TRAINED)
def test_exactly_what_is_tuned_changes(tmp_path: Path, tuning: Tuning) -> None:
    before, task = run(tmp_path, tuning)
    after = task.model.state_dict()
    assert before.keys() == after.keys()
    for name, value in after.items():
        assert torch.equal(value, before[name]) != TRAINED[tuning](name), name


@pytest.mark.parametrize("tuning", TRAINED)
def test_stopped_and_resumed_ends_with_the_same_bits(tmp_path: Path, tuning: Tuning) -> None:
    _, whole = run(tmp_path / "whole", tuning)
    run(tmp_path / "parts", tuning, steps=2)
    _, resumed = run(tmp_path / "parts", tuning)
    state = resumed.model.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in whole.model.state_dict().items())


def test_recomputed_activations_give_the_same_weights(tmp_path: Path) -> None:
    for tuning in ("projector", "full"):
        _, plain = run(tmp_path / f"{tuning}-plain", tuning, steps=2)
        _, recomputed = run(tmp_path / f"{tuning}-recomputed", tuning, steps=2, checkpointing=True)
        state = recomputed.model.state_dict()
        assert all(torch.allclose(value, state[name], atol=1e-6) for name, value in plain.model.state_dict().items())


def test_frozen_parts_draw_no_dropout() -> None:
    task = make_task()
    task.model.model.language_model.config.attention_dropout = 0.5
    for layer in task.model.model.language_model.layers:
        layer.self_attn.attention_dropout = 0.5
    task.model.train()
    batch = make_batch(task)
    one, two = (task.loss(batch, "main", 0, torch.Generator()).sum for _ in range(2))
    assert torch.equal(one, two)


def test_frozen_layers_recompute_without_their_dropout() -> None:
    task = make_task(checkpointing=True)
    task.model.train()
    task.loss(make_batch(task), "main", 0, torch.Generator())
    layers = task.model.model.language_model.layers
    assert all(layer.gradient_checkpointing and layer.training for layer in layers)
    assert not any(part.training for layer in layers for part in layer.children())


def test_merged_lora_is_an_ordinary_llava_with_the_same_logits(tmp_path: Path) -> None:
    _, task = run(tmp_path, "lora")
    batch = make_batch(task)
    given = {name: getattr(batch, name) for name in ("input_ids", "attention_mask", "pixel_values")}
    with torch.no_grad():
        expected = task.model(**given).logits
        merge_lora(task.model)
        found = task.model(**given).logits
    assert torch.allclose(found, expected, atol=1e-4)
    assert task.model.state_dict().keys() == tiny_llava()[0].state_dict().keys()


def test_untrained_lora_changes_nothing() -> None:
    plain, task = make_task("full"), make_task("lora")
    batch = make_batch(plain)
    plain.model.eval(), task.model.eval()
    one, two = (each.loss(batch, "main", 0, torch.Generator()).sum for each in (plain, task))
    assert torch.allclose(one, two, rtol=1e-6)


def test_the_projector_may_learn_at_a_rate_of_its_own() -> None:
    items = make_task("full", projector_rate=0.1).parameters("main")
    rates = {item.name.startswith(f"llava.{PROJECTOR}"): item.lr_scale for item in items}
    assert rates == {True: 0.1, False: 1.0}


def test_learning_lowers_the_loss() -> None:
    task = make_task("full")
    batch = make_batch(task)
    optimizer = torch.optim.AdamW([item.parameter for item in task.parameters("main")], lr=1e-2)
    losses = []
    for step in range(8):
        found = task.loss(batch, "main", step, torch.Generator())
        (found.sum / found.count).backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(found.sum))
    assert losses[-1] < 0.7 * losses[0]
