from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from pairsmith.training.loop import train
from pairsmith.training.meter import means
from pairsmith.training.settings import TrainingSettings
from pairsmith.training.tasks.vlm import VLMTask, quantise_pixels
from pairsmith.vlm.model import VisionLanguageModel
from tests.captions.tiny import tiny_llama, tiny_tokenizer
from tests.stages.models import CAPTIONS, make_synthesizer, make_tokenizer
from tests.training.ranks import two_processes
from tests.training.tasks.run_vlm_ranks import CONFIG, SCENARIOS, run

CPU = torch.device("cpu")


def make_task(**options) -> VLMTask:
    hf_tokenizer = tiny_tokenizer()
    tokenizer = make_tokenizer()
    model = VisionLanguageModel(CONFIG, tiny_llama(len(hf_tokenizer)), tokenizer.codebook, tokenizer)
    return VLMTask(model, hf_tokenizer, 16, **options)


def side(rows: int, start: int = 0) -> dict:
    tokens = torch.randint(0, 32, (rows, 16), generator=torch.Generator().manual_seed(start))
    names = CAPTIONS[start : start + rows]
    return {"caption": names, "tokens": tokens, "group": names, "epoch": [0] * rows}


def test_real_and_synthetic_losses_are_logged_apart_and_add_up() -> None:
    task = make_task()
    loss = task.loss(task.prepare((side(3), side(2, 5)), CPU), "main", 0, torch.Generator())
    assert set(loss.parts) == {"real", "synthetic"}
    assert torch.allclose(sum(total for total, _ in loss.parts.values()), loss.sum.detach())
    assert int(sum(count for _, count in loss.parts.values())) == int(loss.count) == 5 * 5  # four words and an end


def test_the_models_caption_prompt_stands_before_every_caption_and_carries_no_loss() -> None:
    task = make_task()
    plain = task.prepare((side(3), None), CPU).text
    prompt = CAPTIONS[7].split()[0]
    task.model.config = task.model.config.model_copy(update={"caption_prompt": prompt})
    prompted = task.prepare((side(3), None), CPU).text
    (word,) = task.hf_tokenizer(prompt, add_special_tokens=False)["input_ids"]
    assert torch.equal(prompted.input_ids[:, [0, *range(2, 7)]], plain.input_ids)
    assert (prompted.input_ids[:, 1] == word).all()
    assert torch.equal(prompted.labels[:, 2:], plain.labels[:, 1:])
    assert (prompted.labels[:, :2] < 0).all()


def test_a_batch_of_one_kind_has_no_other_part() -> None:
    task = make_task()
    loss = task.loss(task.prepare((side(3), None), CPU), "main", 0, torch.Generator())
    assert means(loss.parts).keys() == {"real"}


@pytest.mark.parametrize("parts", [2, 3, 5])
def test_losses_are_logged_apart_in_micro_batches_too(parts: int) -> None:
    task = make_task()
    batch = task.prepare((side(3), side(2, 5)), CPU)
    whole = task.loss(batch, "main", 0, torch.Generator())
    pieces = [task.loss(piece, "main", 0, torch.Generator()) for piece in task.split(batch, parts)]
    for kind, (total, count) in whole.parts.items():
        assert torch.allclose(sum(piece.parts[kind][0] for piece in pieces), total, rtol=1e-5)
        assert sum(piece.parts[kind][1] for piece in pieces) == count


def test_one_pass_over_both_kinds_gives_the_losses_of_two() -> None:
    task = make_task()
    real, synthetic = side(3), {**side(2, 5), "caption": ["a much longer caption than any of the real ones"] * 2}
    both = task.loss(task.prepare((real, synthetic), CPU), "main", 0, torch.Generator())
    for kind, batch in {"real": (real, None), "synthetic": (None, synthetic)}.items():
        alone = task.loss(task.prepare(batch, CPU), "main", 0, torch.Generator())
        assert torch.allclose(both.parts[kind][0], alone.sum.detach(), rtol=1e-5)
        assert both.parts[kind][1] == alone.count


def test_the_pixel_path_sees_what_decoding_and_encoding_leave() -> None:
    task = make_task(synthetic_pixels=True)
    tokens = side(2)["tokens"]
    tokenizer = task.model.tokenizer
    again = tokenizer.encode(quantise_pixels(tokenizer.decode(tokens)))
    assert not torch.equal(again, tokens)  # an untrained tokenizer
    assert torch.equal(task.prepare((None, side(2)), CPU).tokens, again)


def test_pictures_made_in_the_step_depend_on_group_and_epoch_alone() -> None:
    task = make_task(synthesizer=make_synthesizer())
    one, two = side(4), {**side(4), "epoch": [1] * 4}
    first = task.prepare((None, one), CPU).tokens
    assert torch.equal(task.prepare((None, one), CPU).tokens, first)
    assert not torch.equal(task.prepare((None, two), CPU).tokens, first)
    last_two = {key: values[2:] for key, values in one.items()}
    assert torch.equal(task.prepare((None, last_two), CPU).tokens, first[2:])


@pytest.mark.parametrize("steps", [(4,), (2, 4)])
def test_training_leaves_the_language_model_as_it_was(tmp_path: Path, steps: tuple[int, ...]) -> None:
    class Feed:
        def batch(self, step: int):
            return side(2, step % 4), side(2, 4 + step % 4)

    finals = []
    for total in steps:
        task = make_task()
        before = [value.clone() for value in task.model.language_model.original.state_dict().values()]
        settings = TrainingSettings(steps=total, batch_size=4, learning_rate=1e-2, checkpoint_every=2, device="cpu")
        train(task, Feed(), settings, tmp_path / "run")
        after = task.model.language_model.original.state_dict().values()
        assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
        finals.append({name: value.clone() for name, value in task.model.state_dict().items()})
    task = make_task()
    settings = TrainingSettings(steps=4, batch_size=4, learning_rate=1e-2, checkpoint_every=2, device="cpu")
    train(task, Feed(), settings, tmp_path / "whole")
    assert all(torch.equal(finals[-1][name], value) for name, value in task.model.state_dict().items())


@pytest.fixture(scope="module")
def two_ranks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What two processes found."""
    return two_processes("tests.training.tasks.run_vlm_ranks", tmp_path_factory.mktemp("two"))


@pytest.mark.parametrize("name", SCENARIOS)
def test_two_ranks_equal_one_with_images_decoded_and_made_in_the_step(
    two_ranks: dict[str, Any], tmp_path: Path, name: str
) -> None:
    found, one = two_ranks[name], run(name, tmp_path)
    assert len(found["losses"]) == 2
    for line, expected in zip(found["losses"], one["losses"], strict=True):
        assert line == pytest.approx(expected, rel=1e-4)
    for weight, expected in zip(found["weights"], one["weights"], strict=True):
        assert weight == pytest.approx(expected, abs=2e-5)
    assert ("DTensor" in found["kinds"]) == name.endswith("fsdp2")
