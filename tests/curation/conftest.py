"""A small untrained open_clip model for all scores that need one, and a stub of a judge's server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.captions.stub_server import no_proxy, serve
from tests.evaluation.image_text.encoders import save_tiny_open_clip

__all__ = ["clip_folder", "no_proxy", "serve"]


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_open_clip(tmp_path_factory.mktemp("open_clip"))
