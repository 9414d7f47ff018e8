"""What a run's folder holds already: it is finished, may be made longer, or is another run and refused."""

from __future__ import annotations

import pytest
import torch

from pairsmith.errors import InputError
from pairsmith.training import train
from tests.training.kills import untimed
from tests.training.tiny import AdversarialTask, PointFeed, TokenFeed, TokenTask, settings, weights


def test_a_finished_run_returns_at_once_with_its_weights(tmp_path):
    task = TokenTask()
    first = train(task, TokenFeed(), settings(ema=0.9), tmp_path, evaluate=lambda step: {"x": 1.0})

    class Untouchable:
        def batch(self, step):
            raise AssertionError("a finished run reads nothing")

    again = TokenTask()
    second = train(again, Untouchable(), settings(ema=0.9), tmp_path, evaluate=lambda step: 1 / 0)
    assert (second.history, second.evaluations, second.step) == (first.history, first.evaluations, 12)
    assert second.steps_per_second == first.steps_per_second
    assert all(torch.equal(value, weights(task)[name]) for name, value in weights(again).items())


def test_a_run_may_be_made_longer_where_the_schedule_is_the_same(tmp_path):
    straight, longer = TokenTask(dropout=0.2), TokenTask(dropout=0.2)
    one = train(straight, TokenFeed(), settings(steps=12), tmp_path / "a")
    train(longer, TokenFeed(), settings(steps=8), tmp_path / "b")
    two = train(longer, TokenFeed(), settings(steps=12, keep=1), tmp_path / "b")
    assert untimed(one.history) == untimed(two.history)
    assert all(torch.equal(value, weights(straight)[name]) for name, value in weights(longer).items())
    with pytest.raises(InputError, match="12 steps already"):
        train(longer, TokenFeed(), settings(steps=8), tmp_path / "b")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"learning_rate": 0.5}, r"settings\.learning_rate \(was 0\.01, now 0\.5\)"),
        ({"seed": 7}, r"settings\.seed"),
        ({"decay": "cosine"}, r"settings\.decay"),
        ({"batch_size": 4}, r"settings\.batch_size"),
    ],
)
def test_other_settings_are_refused_by_name(tmp_path, changes, named):
    train(TokenTask(), TokenFeed(), settings(steps=2), tmp_path)
    with pytest.raises(InputError, match=named):
        train(TokenTask(), TokenFeed(changes.get("batch_size", 8)), settings(steps=4, **changes), tmp_path)


def test_another_length_of_a_cosine_another_model_and_other_inputs_are_refused(tmp_path):
    train(TokenTask(), TokenFeed(), settings(steps=2, decay="cosine"), tmp_path, inputs={"pairs": "abc"})
    with pytest.raises(InputError, match=r"settings\.steps \(was 2, now 4\)"):
        train(TokenTask(), TokenFeed(), settings(steps=4, decay="cosine"), tmp_path, inputs={"pairs": "abc"})
    with pytest.raises(InputError, match=r"task\.width \(was 16, now 8\)"):
        train(TokenTask(width=8), TokenFeed(), settings(steps=2, decay="cosine"), tmp_path, inputs={"pairs": "abc"})
    with pytest.raises(InputError, match=r"inputs\.pairs"):
        train(TokenTask(), TokenFeed(), settings(steps=2, decay="cosine"), tmp_path, inputs={"pairs": "xyz"})


def test_unfit_calls_are_refused(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="feed's batch_size is 4, the run's is 8"):
        train(TokenTask(), TokenFeed(4), settings(), tmp_path)
    task = TokenTask()
    task.sums_over_rows = False
    with pytest.raises(InputError, match="compares the rows"):
        train(task, TokenFeed(), settings(micro_batch=4), tmp_path)
    with pytest.raises(InputError, match="one phase"):
        train(AdversarialTask(), PointFeed(), settings(parallel="fsdp2"), tmp_path)
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(InputError, match="3 processes were launched"):
        train(TokenTask(), TokenFeed(), settings(), tmp_path)
    with pytest.raises(InputError, match="not divisible by 3"):
        train(TokenTask(), TokenFeed(), settings(parallel="ddp"), tmp_path)
