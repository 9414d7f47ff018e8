from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from pairsmith.generators.autoregressive import AutoregressiveSettings
from pairsmith.training.tasks.autoregressive import AutoregressiveTask
from tests.generators.autoregressive.models import CONFIG, make_autoregressive
from tests.stages.models import CAPTIONS, make_synthesizer
from tests.training.ranks import two_processes
from tests.training.tasks.run_autoregressive_ranks import SCENARIOS, run


def test_loss_is_a_sum_over_tokens_and_all_parameters_are_trained() -> None:
    encoder = make_synthesizer().text_encoder
    model = make_autoregressive(CONFIG.model_copy(update={"text_dim": encoder.dim, "max_text": encoder.max_length}))
    task = AutoregressiveTask(model, encoder, AutoregressiveSettings(caption_dropout=0.5))
    batch = {"caption": CAPTIONS[:4], "tokens": torch.arange(64).reshape(4, 16) % 11}
    loss = task.loss(task.prepare(batch, torch.device("cpu")), "main", 0, torch.Generator().manual_seed(0))
    assert loss.count == loss.tokens == 64
    loss.sum.backward()
    assert all(item.parameter.grad is not None for item in task.parameters("main"))
    assert not any(parameter.requires_grad for parameter in encoder.lm.parameters())
    assert list(task.blocks()) == list(model.blocks)
    assert set(task.settings()) == {"generator", "objective"}


@pytest.fixture(scope="module")
def two_ranks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What two processes found."""
    return two_processes("tests.training.tasks.run_autoregressive_ranks", tmp_path_factory.mktemp("two"))


@pytest.mark.parametrize("name", SCENARIOS)
def test_two_ranks_equal_one(two_ranks: dict[str, Any], tmp_path: Path, name: str) -> None:
    found, one = two_ranks[name], run(name, tmp_path)
    assert found["losses"] == pytest.approx(one["losses"], rel=1e-4)
    for weight, expected in zip(found["weights"], one["weights"], strict=True):
        assert weight == pytest.approx(expected, abs=2e-5)
    assert ("DTensor" in found["kinds"]) == (name == "fsdp2")
