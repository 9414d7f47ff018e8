from __future__ import annotations

from pathlib import Path

import pytest

from tests.generators.diffusers import tiny_pipelines


@pytest.fixture(scope="session")
def pipelines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Name -> folder of every tiny pipeline, and of the refiner."""
    folder = tmp_path_factory.mktemp("pipelines")
    made = {**tiny_pipelines.PIPELINES, "refiner": tiny_pipelines.sdxl_refiner}
    return {name: tiny_pipelines.save(folder / name, make) for name, make in made.items()}
