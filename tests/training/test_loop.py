"""The loop: exact division, phases, seeds, evaluation. Refusals are in test_run.py, restarts in test_resume.py."""

from __future__ import annotations

import json

import pytest
import torch

from pairsmith.errors import InputError, PairsmithError
from pairsmith.training import TaskLoss, load_weights, train
from pairsmith.training.distributed import Ranks
from pairsmith.training.meter import Meter
from pairsmith.training.step import Stepper
from tests.training.kills import untimed
from tests.training.tiny import AdversarialTask, PointFeed, TokenFeed, TokenTask, curve, settings, weights


def test_training_lowers_the_loss_and_reports_it(tmp_path):
    task = TokenTask()
    result = train(task, TokenFeed(), settings(steps=60, log_every=20), tmp_path)
    assert result.step == 60
    assert curve(result)[-1] < 0.5 * curve(result)[0]
    assert result.steps_per_second > 0
    assert result.seconds > 0
    line = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])
    assert line == result.history[-1]
    assert line["samples_seen"] == 480
    assert line["rows_per_second"] == pytest.approx(8 * line["steps_per_second"])
    assert {"long", "tokens_per_second", "flops_per_second", "gradient_norm", "learning_rate"} <= set(line)
    assert "utilisation" not in line  # a CPU has no known peak
    assert not task.model.training
    assert task.seen_modes == {True}


def test_tensorboard_gets_every_number_of_the_log_unless_it_is_switched_off(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(TokenTask(), TokenFeed(), settings(), tmp_path / "on", evaluate=lambda step: {"score": 0.5})
    events = EventAccumulator(str(tmp_path / "on" / "tensorboard"))
    events.Reload()
    lines = [json.loads(line) for line in (tmp_path / "on" / "log.jsonl").read_text().splitlines()]
    for name in ("loss", "long", "tokens_per_second", "flops_per_second"):
        found = [(event.step, event.value) for event in events.Scalars(f"training/{name}")]
        logged = [(line["step"], line[name]) for line in lines if line[name] is not None]
        assert [step for step, _ in found] == [step for step, _ in logged]
        assert [value for _, value in found] == pytest.approx([value for _, value in logged])
    assert [event.step for event in events.Scalars("evaluation/score")] == [12]
    train(TokenTask(), TokenFeed(), settings(tensorboard=False), tmp_path / "off")
    assert not (tmp_path / "off" / "tensorboard").exists()


def test_loss_is_the_mean_over_all_units_and_its_gradient_too(tmp_path):
    task, feed = TokenTask(), TokenFeed()
    expected = task.loss(feed.batch(0), "main", 0, torch.Generator())
    (expected.sum / expected.count).backward()
    wanted = {name: parameter.grad.clone() for name, parameter in task.model.named_parameters()}
    for micro in (None, 8, 3, 1):  # pieces of 1 to 8 valid tokens
        task = TokenTask()
        meter = Meter()
        stepper = Stepper(task, settings(micro_batch=micro, clip=None), Ranks(), torch.device("cpu"), meter)
        found = {}
        stepper.optimizers["main"].step = lambda task=task, found=found: found.update(
            {name: parameter.grad.clone() for name, parameter in task.model.named_parameters()}
        )
        stepper.step(feed.batch(0), 0)
        for name, gradient in wanted.items():
            torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=1e-7)
        total, count = meter.totals(Ranks())["loss"]
        assert total / count == pytest.approx((expected.sum / expected.count).item(), rel=1e-6)


def test_accumulation_over_a_run_equals_the_big_batch(tmp_path):
    runs = {}
    for micro in (None, 4, 3):
        task = TokenTask()
        runs[micro] = (
            curve(train(task, TokenFeed(), settings(micro_batch=micro), tmp_path / str(micro))),
            weights(task),
        )
    for micro in (4, 3):
        assert runs[micro][0] == pytest.approx(runs[None][0], rel=1e-5)
        for name, value in runs[None][1].items():
            torch.testing.assert_close(runs[micro][1][name], value, rtol=1e-3, atol=1e-5)


def test_a_step_without_any_unit_changes_nothing_but_the_decay(tmp_path):
    task = TokenTask()
    before = weights(task)
    real = task.loss

    def nothing(batch, phase, step, generator):
        found = real(batch, phase, step, generator)
        return TaskLoss(found.sum * 0, 0)

    task.loss = nothing
    result = train(task, TokenFeed(), settings(steps=1, weight_decay=0.0), tmp_path)
    assert "loss" not in result.history[0]
    assert all(torch.equal(value, before[name]) for name, value in weights(task).items())


def test_each_phase_trains_its_own_parameters_only(tmp_path):
    task = AdversarialTask()
    result = train(task, PointFeed(), settings(steps=4, log_every=1), tmp_path)
    assert task.calls == [
        ("generator", 0),
        ("generator", 1),
        ("generator", 2),
        ("discriminator", 2),
        ("generator", 3),
        ("discriminator", 3),
    ]
    assert task.after == task.calls
    assert "generator/loss" in result.history[0]
    assert "discriminator/loss" not in result.history[0]
    assert "discriminator/gradient_norm" in result.history[2]
    assert all(parameter.requires_grad for module in task.modules.values() for parameter in module.parameters())


def test_discriminator_is_untouched_until_its_phase_begins(tmp_path):
    task = AdversarialTask()
    before = weights(task)
    train(task, PointFeed(), settings(steps=2), tmp_path)
    after = weights(task)
    assert torch.equal(after["discriminator.0.weight"], before["discriminator.0.weight"])
    assert not torch.equal(after["generator.0.weight"], before["generator.0.weight"])


def test_draws_depend_on_the_seed_and_leave_the_global_generator_alone(tmp_path):
    def run(name, **changes):
        task = TokenTask(dropout=0.5)
        return curve(train(task, TokenFeed(), settings(**changes), tmp_path / name))

    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    first = run("a")
    assert torch.equal(torch.rand(3), expected)
    torch.manual_seed(99)
    assert run("b") == first
    assert run("c", seed=1) != first


def test_micro_batches_draw_different_noise(tmp_path):
    seen = []
    task = TokenTask()
    real = task.loss

    def loss(batch, phase, step, generator):
        seen.append((torch.rand(1).item(), torch.rand(1, generator=generator).item()))
        return real(batch, phase, step, generator)

    task.loss = loss
    train(task, TokenFeed(), settings(steps=3, micro_batch=4), tmp_path)
    assert len({value for pair in seen for value in pair}) == 12


@pytest.mark.parametrize("poison", ["loss", "gradient"])
def test_a_non_finite_step_stops_the_run_and_is_named(tmp_path, poison):
    task = TokenTask()
    real = task.loss

    def loss(batch, phase, step, generator):
        found = real(batch, phase, step, generator)
        if step == 5:
            bad = found.sum * float("nan") if poison == "loss" else found.sum + 0 * (found.sum - found.sum).sqrt()
            return TaskLoss(bad, found.count)
        return found

    task.loss = loss
    before = {}

    class Watcher:
        def begin(self, step, steps): ...
        def record(self, line): ...
        def end(self):
            before["ended"] = True

        def advance(self, step):
            before.update(weights(task))

    with pytest.raises(PairsmithError, match=r"^step 5: the loss is"):
        train(task, TokenFeed(), settings(checkpoint_every=3), tmp_path, progress=Watcher())
    assert before.pop("ended")
    assert all(torch.equal(value, before[name]) for name, value in weights(task).items())
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step_00000003"]


def test_evaluation_sees_averaged_weights_in_eval_mode_and_leaves_no_trace(tmp_path):
    task = TokenTask(dropout=0.3)
    seen = []

    def evaluate(step):
        assert not torch.is_grad_enabled()
        assert not task.model.training
        seen.append(weights(task))
        torch.rand(5)
        return {"score": step / 2}

    watched = train(task, TokenFeed(), settings(ema=0.9), tmp_path / "a", evaluate=evaluate, evaluate_every=5)
    other = TokenTask(dropout=0.3)
    plain = train(other, TokenFeed(), settings(ema=0.9), tmp_path / "b")
    assert watched.evaluations == [{"step": step, "score": step / 2} for step in (5, 10, 12)]
    assert untimed(watched.history) == untimed(plain.history)
    assert task.seen_modes == {True}
    # The last evaluation was of the average, which is also what the run leaves in the modules.
    for name, value in weights(task).items():
        assert torch.equal(value, seen[-1][name])
        assert torch.equal(value, weights(other)[name])
    raw = TokenTask()
    load_weights(tmp_path / "a", raw.modules, average=False)
    assert not torch.equal(weights(raw)["model.4.weight"], seen[-1]["model.4.weight"])


def test_frozen_tensors_are_neither_trained_nor_saved(tmp_path):
    class Kept(TokenTask):
        def keeps(self, name):
            return not name.startswith("model.0.")

        def parameters(self, phase):
            return [item for item in super().parameters(phase) if self.keeps(item.name)]

    task = Kept()
    before = weights(task)["model.0.weight"]
    train(task, TokenFeed(), settings(), tmp_path)
    assert torch.equal(task.model[0].weight, before)
    other = Kept()
    with torch.no_grad():
        other.model[0].weight.fill_(2.0)
    load_weights(tmp_path, other.modules)
    assert (other.model[0].weight == 2.0).all()
    assert torch.equal(other.model[4].weight, task.model[4].weight)
    task.parameters = lambda phase: TokenTask.parameters(task, phase)
    with pytest.raises(PairsmithError, match=r"'model\.0\.weight' but does not keep it"):
        train(task, TokenFeed(), settings(), tmp_path / "other")


def test_bfloat16_runs_the_forward_pass_only(tmp_path):
    task = TokenTask()
    kinds = set()
    task.model[1][0].register_forward_hook(lambda module, given, made: kinds.add(made.dtype))
    result = train(task, TokenFeed(), settings(precision="bf16"), tmp_path)
    exact = train(TokenTask(), TokenFeed(), settings(), tmp_path / "exact")
    assert kinds == {torch.bfloat16}
    assert {parameter.dtype for parameter in task.model.parameters()} == {torch.float32}
    assert curve(result) == pytest.approx(curve(exact), rel=0.05)
    assert curve(result) != curve(exact)


def test_compiling_is_asked_of_the_blocks(tmp_path, monkeypatch):
    compiled = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda module: compiled.append(module))
    task = TokenTask()
    train(task, TokenFeed(), settings(compile=True), tmp_path)
    assert compiled == task.blocks()


def test_an_error_of_the_feed_reaches_the_caller(tmp_path):
    class Broken(TokenFeed):
        def batch(self, step):
            if step == 3:
                raise InputError("row 7 of part-00000.parquet is broken")
            return super().batch(step)

    with pytest.raises(InputError, match="row 7"):
        train(TokenTask(), Broken(), settings(), tmp_path)
