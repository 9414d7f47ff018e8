"""Two finished fake runs, made once for all tests of the room; tests that change one work on a copy."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pairsmith.report import write_report
from tests.report.fake_run import make_run
from tests.report.parsed import ParsedPage

Copy = Callable[[Path], Path]


@pytest.fixture(scope="session")
def scene_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on scenes, two seeds an arm."""
    return make_run(tmp_path_factory.mktemp("scenes") / "tiny", seeds=2)


@pytest.fixture(scope="session")
def own_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on the user's own pairs, one seed an arm."""
    return make_run(tmp_path_factory.mktemp("own") / "tiny", own_pairs=True)


@pytest.fixture(scope="session")
def scene_page(scene_run: Path) -> ParsedPage:
    """The report of `scene_run`."""
    return ParsedPage.read(write_report(scene_run))


@pytest.fixture(scope="session")
def own_page(own_run: Path) -> ParsedPage:
    """The report of `own_run`."""
    return ParsedPage.read(write_report(own_run))


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """Copies a run into a folder of the test's own."""

    def copy_run(run: Path) -> Path:
        return Path(shutil.copytree(run, tmp_path / "run"))

    return copy_run
