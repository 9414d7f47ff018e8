"""What tests of commands share: a runner, and small models that fit together."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from typer.testing import CliRunner, Result

from pairsmith.cli import app

Pairsmith = Callable[..., Result]


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread, whatever commands would choose; and nobody cuts the power, so nothing waits for the disk."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def pairsmith() -> Pairsmith:
    """Runs a command; anything but an exit code is an error of the test."""

    def run(*arguments: object) -> Result:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run
