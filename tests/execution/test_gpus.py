"""Which GPU a local worker sees, by its number; no GPU is needed to choose one."""

from __future__ import annotations

from contextlib import closing

import pytest
import torch

from pairsmith.execution.workers import LocalPool
from tests.execution.seen_gpus import VARIABLE, ask, build_seen_gpus


def test_each_worker_sees_one_gpu_in_turn_and_keeps_it_when_it_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "5,GPU-b")
    with closing(LocalPool(build_seen_gpus, 3, cuda=True)) as pool:
        assert ask(pool, 3) == {0: "5", 1: "GPU-b", 2: "5"}
        _, process = pool._pool[1]
        process.kill()
        assert pool.events() == [(1, ("died", "exit code -9", ()))]
        pool.start(1)
        assert [(number, event.kind) for number, event in pool.events()] == [(1, "ready")]
        pool.send(1, None)
        assert [event.value for _, event in pool.events()] == ["GPU-b"]


def test_gpus_are_counted_where_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    with closing(LocalPool(build_seen_gpus, 2, cuda=True)) as pool:
        assert ask(pool, 2) == {0: "0", 1: "1"}


def test_workers_without_gpus_are_left_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "5,6")
    with closing(LocalPool(build_seen_gpus, 1)) as pool:
        assert ask(pool, 1) == {0: "5,6"}
    monkeypatch.setenv(VARIABLE, "")
    with closing(LocalPool(build_seen_gpus, 1, cuda=True)) as pool:
        assert ask(pool, 1) == {0: ""}
