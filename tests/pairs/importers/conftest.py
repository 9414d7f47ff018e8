"""What the tests of the importers share."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def _no_fsync(monkeypatch):
    """No test here cuts the power, and on a busy disk waiting for fsync takes most of the time."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
