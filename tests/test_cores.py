"""Cores that may be used: no more than a container grants, for commands and for workers alike."""

from __future__ import annotations

import pytest

from pairsmith import cores
from pairsmith.cores import cores_of_quota, usable_cores
from pairsmith.execution.workers import LocalPool


@pytest.mark.parametrize(
    ("text", "expected"), [("400000 100000", 4), ("150000 100000", 2), ("max 100000", None), ("", None)]
)
def test_a_containers_share_of_the_cores(tmp_path, text, expected):
    (tmp_path / "cpu.max").write_text(text)
    assert cores_of_quota(tmp_path / "cpu.max") == expected
    assert cores_of_quota(tmp_path / "absent") is None


def test_workers_share_what_the_container_grants(monkeypatch):
    monkeypatch.setattr(cores.os, "sched_getaffinity", lambda process: set(range(64)), raising=False)
    monkeypatch.setattr(cores, "cores_of_quota", lambda file: 4)
    assert usable_cores() == 4
    assert LocalPool(len, 2)._threads == 2
    monkeypatch.setattr(cores, "cores_of_quota", lambda file: None)
    assert usable_cores() == 64
