"""Checkpoints are whole or not there, hold no pickle, and fit their model or are refused by name."""

from __future__ import annotations

import json
import zipfile

import pytest
import torch
from torch import nn

from pairsmith.errors import InputError
from pairsmith.training import TrainingSettings, load_weights, train
from pairsmith.training import checkpoint as checkpoints
from tests.training.tiny import TokenFeed, TokenTask, weights


def write(out, step, value=1.0, keep=3, average=None, optimizer=None):
    return checkpoints.write_checkpoint(
        out,
        step,
        model={"m.weight": torch.full((2, 2), value)},
        optimizer=optimizer or {"main": {"m.weight": {"step": torch.tensor(1.0)}}},
        average=average,
        state={"step": step, "identity": {"settings": {"clip": 1.0}}},
        keep=keep,
    )


class Plain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2, 2))


def test_keeps_the_newest_and_removes_what_is_torn(tmp_path):
    for step in (1, 2, 3):
        write(tmp_path, step)
    (tmp_path / "checkpoints" / "step_00000004.tmp").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "checkpoints" / "step_00000000").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "checkpoints" / "my-favourite").mkdir()  # what others put there is theirs
    write(tmp_path, 5, keep=2)
    left = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert left == ["my-favourite", "step_00000000", "step_00000003", "step_00000005"]


@pytest.mark.parametrize("damage", ["cut", "missing", "no-state", "bad-state"])
def test_torn_checkpoints_are_passed_over(tmp_path, damage):
    whole = write(tmp_path, 9)
    torn = write(tmp_path, 10)
    if damage == "cut":
        model = torn / "model.safetensors"
        model.write_bytes(model.read_bytes()[:-1])
    elif damage == "missing":
        (torn / "optimizer.pt").unlink()
    elif damage == "no-state":
        (torn / "state.json").unlink()
    else:
        (torn / "state.json").write_text('{"step": 1')
    assert checkpoints.latest_checkpoint(tmp_path) == whole


def test_no_checkpoint_where_nothing_was_written(tmp_path):
    assert checkpoints.latest_checkpoint(tmp_path) is None
    with pytest.raises(InputError, match="no whole checkpoint"):
        load_weights(tmp_path, {"m": Plain()})


def test_a_torn_folder_of_the_same_step_is_replaced(tmp_path):
    torn = write(tmp_path, 10)
    (torn / "state.json").unlink()
    write(tmp_path, 10, value=7.0)
    model = Plain()
    assert load_weights(tmp_path, {"m": model}) == 10
    assert model.weight.tolist() == [[7.0, 7.0], [7.0, 7.0]]


def test_a_full_disk_costs_only_the_checkpoint_at_hand(tmp_path):
    resource = pytest.importorskip("resource")
    moments = {"main": {"m.weight": {"exp_avg": torch.zeros(50_000)}}}  # 200 kB, after a model of 100 bytes
    older = write(tmp_path, 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # files may not grow further
    try:
        with pytest.raises(InputError, match=r"step_00000002: .*\(File too large\); older checkpoints are kept"):
            write(tmp_path, 2, optimizer=moments)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list((tmp_path / "checkpoints").iterdir()) == [older]
    written = write(tmp_path, 2, optimizer=moments)
    assert checkpoints.latest_checkpoint(tmp_path) == written
    assert len(checkpoints.read_optimizer(written)["main"]["m.weight"]["exp_avg"]) == 50_000


def test_optimizer_file_holds_tensors_only(tmp_path):
    path = write(tmp_path, 1)
    assert zipfile.is_zipfile(path / "optimizer.pt")
    assert checkpoints.read_optimizer(path)["main"]["m.weight"]["step"].item() == 1.0
    assert json.loads((path / "state.json").read_text())["versions"]["torch"] == torch.__version__


def test_average_is_loaded_unless_not_wanted(tmp_path):
    write(tmp_path, 1, average={"m.weight": torch.full((2, 2), 3.0)})
    model = Plain()
    load_weights(tmp_path, {"m": model})
    assert model.weight[0, 0].item() == 3.0
    load_weights(tmp_path, {"m": model}, average=False)
    assert model.weight[0, 0].item() == 1.0


def test_another_model_is_refused_by_tensor(tmp_path):
    write(tmp_path, 1)
    with pytest.raises(InputError, match=r"'m\.weight' has shape \(2, 2\), the model \(3, 2\)"):
        load_weights(tmp_path, {"m": nn.Linear(2, 3, bias=False)})
    with pytest.raises(InputError, match=r"other\.weight"):
        load_weights(tmp_path, {"other": Plain()})
    model = TokenTask().modules["model"]
    wanted = {"m.0.weight"}
    with pytest.raises(InputError, match=r"'m\.0\.weight' is missing"):
        checkpoints.load_into({"m": model}, {}, wanted, tmp_path)
    with pytest.raises(InputError, match=r"'m\.9' is not part"):
        checkpoints.load_into(
            {"m": model}, {"m.0.weight": torch.zeros(11, 16), "m.9": torch.zeros(1)}, wanted, tmp_path
        )


def test_a_larger_model_is_not_loaded_in_part(tmp_path):
    settings = TrainingSettings(steps=1, batch_size=8, device="cpu", tensorboard=False)
    train(TokenTask(layers=2), TokenFeed(), settings, tmp_path)
    larger = TokenTask(layers=2)
    larger.model.append(nn.Linear(3, 3))
    with pytest.raises(InputError, match=r"'model\.5\.bias' is missing"):
        load_weights(tmp_path, larger.modules)


def test_what_a_task_does_not_keep_is_not_asked_for(tmp_path):
    class Partly(TokenTask):
        def keeps(self, name: str) -> bool:
            return not name.startswith("model.0")

    settings = TrainingSettings(steps=1, batch_size=8, device="cpu", tensorboard=False)
    task, fresh = Partly(), Partly()
    task.model[0].requires_grad_(False)
    train(task, TokenFeed(), settings, tmp_path)
    load_weights(tmp_path, fresh.modules)
    assert all(torch.equal(value, weights(task)[name]) for name, value in weights(fresh).items())


def test_another_run_is_refused_by_setting(tmp_path):
    path = write(tmp_path, 1)
    state = checkpoints.read_state(path)
    checkpoints.check_same_run(path, state, {"settings": {"clip": 1.0}})
    with pytest.raises(InputError, match=r"settings\.clip \(was 1\.0, now 2\.0\)"):
        checkpoints.check_same_run(path, state, {"settings": {"clip": 2.0}})


def test_tied_weights_can_be_saved(tmp_path):
    task = TokenTask()
    task.model[-1].weight = task.model[0].weight
    model = checkpoints.full_state(task.modules, set(weights(task)), True)
    checkpoints.write_checkpoint(tmp_path, 1, model=model, optimizer={}, average=None, state={"step": 1}, keep=1)
    other = TokenTask()
    other.model[-1].weight = other.model[0].weight
    with torch.no_grad():
        other.model[0].weight.zero_()
    load_weights(tmp_path, other.modules)
    assert torch.equal(other.model[-1].weight, task.model[0].weight)
