"""What shows a recipe while it goes on; the recipe itself prints nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from pairsmith.training.logging import Progress


class Reporter(Protocol):
    """What shows a recipe while it goes on."""

    def stage(self, name: str) -> AbstractContextManager[None]:
        """A stage begins; its time is shown when the context ends."""

    def training(self, name: str) -> Progress | None:
        """Shows a training run."""

    def rows(self, name: str) -> Callable[[int, int, int], None] | None:
        """Shows a stage over rows: called with (done, all, failed)."""


class Silent:
    """Shows nothing."""

    def stage(self, name: str) -> AbstractContextManager[None]:
        return nullcontext()

    def training(self, name: str) -> Progress | None:
        return None

    def rows(self, name: str) -> Callable[[int, int, int], None] | None:
        return None
