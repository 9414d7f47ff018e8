"""What the run folder of every recipe holds: settings, results, metrics, environment and stores.

A piece that the run does not have is None or empty, so that a report can be written of a run that is unfinished.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from pairsmith.errors import InputError
from pairsmith.evaluation.metrics_file import ENVIRONMENT_NAME, METRICS_NAME, Metric, read_environment, read_metrics
from pairsmith.pairs import PairStore
from pairsmith.recipes.run_files import read_run, read_settings
from pairsmith.recipes.settings import RecipeSettings
from pairsmith.report.numbers import DASH, data_size, plural

logger = logging.getLogger(__name__)


class RunBase(ABC):
    """One run; each recipe adds what is its own.

    Args:
        out: its folder.

    Raises:
        InputError: no run was begun there, or one of its files cannot be read.
    """

    RECIPE: ClassVar[str]
    """Name of the recipe, as users call it."""

    def __init__(self, out: Path) -> None:
        self.out = out
        found = read_settings(out)
        found.pop("recipe", None)
        source = found.pop("real", None)
        self.source: str | None = None if source is None else Path(str(source)).name
        """Name of the folder or file of the user's own pairs; None where there are none."""
        self.values: dict[str, Any] = found
        """The settings as the run's file has them."""
        seeds = found.get("seeds")
        try:
            results = read_run(out, seeds if isinstance(seeds, int) else None)
        except ValueError as error:
            raise InputError(f"{out / 'evaluation'} holds a file that is not JSON ({error}); run again") from error
        self.entries: list[dict[str, Any]] = results.pop("arms")
        """The files of `evaluation/arms`, one for each arm and seed."""
        self._results = results

    @property
    @abstractmethod
    def presets(self) -> Mapping[str, RecipeSettings]:
        """The presets that such a run may have begun with, by name."""

    @property
    def own_pairs(self) -> bool:
        """Whether the pairs are the user's own."""
        return self.source is not None

    def result(self, name: str) -> dict[str, Any] | None:
        """A file of `evaluation/` by its stem; None while there is none."""
        found = self._results.get(name)
        return found if isinstance(found, dict) else None

    @cached_property
    def metrics(self) -> dict[str, Metric]:
        """`metrics.json`; empty while the run is unfinished."""
        return read_metrics(self.out) if (self.out / METRICS_NAME).is_file() else {}

    @cached_property
    def environment(self) -> dict[str, Any]:
        """`environment.json`; empty while the run is unfinished."""
        return read_environment(self.out) if (self.out / ENVIRONMENT_NAME).is_file() else {}

    @property
    def hardware(self) -> str:
        """Accelerators, processor, cores and memory in words; a dash while they are not known."""
        found = self.environment.get("hardware") or {}
        parts = [*(found.get("accelerators") or []), str(found.get("processor") or "")]
        if found.get("cores"):
            parts.append(plural(found["cores"], "core"))
        if found.get("memory_bytes"):
            parts.append(f"{data_size(found['memory_bytes'])} memory")
        return ", ".join(part for part in parts if part) or DASH

    def software(self, names: Sequence[str]) -> str:
        """Versions of Pairsmith and of the packages among `names` that the run noted; a dash while it has not."""
        packages = self.environment.get("packages") or {}
        titles = {"pairsmith": "Pairsmith"}
        known = [f"{titles.get(name, name)} {packages[name]}" for name in ("pairsmith", *names) if name in packages]
        return ", ".join(known) or DASH

    def store(self, name: str) -> PairStore | None:
        """A finished store by its path in the folder, such as "data/test"; one that cannot be read is passed over."""
        folder = self.out / name
        if not folder.is_dir():
            return None
        try:
            return PairStore(folder)
        except InputError as error:
            logger.warning("%s is left out of the report: %s", folder, error)
            return None
