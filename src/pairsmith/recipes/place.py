"""Where a run of the recipe computes: its one device, and its processes where `torchrun` started several.

Training is shared by all processes (ddp). Everything else is done by the first one while the others wait, and then
read what it made: every stage returns at once when its folder is finished.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import torch
import torch.distributed as dist

from pairsmith.errors import InputError, PairsmithError
from pairsmith.recipes.settings import RecipeSettings
from pairsmith.training.distributed import Ranks, choose_device, from_first, read_ranks
from pairsmith.training.settings import TrainingSettings

Found = TypeVar("Found")

_PATIENCE = timedelta(days=30)  # a million captions take longer than a process group waits by default


@dataclass(frozen=True)
class Place:
    """Attributes:
    device: of all models of this process.
    ranks: this process among those that train together.
    """

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    ranks: Ranks = field(default_factory=Ranks)

    @property
    def first(self) -> bool:
        """Whether this process does what only one may do."""
        return self.ranks.rank == 0

    def training(self, settings: TrainingSettings) -> TrainingSettings:
        """Settings of a training for this place: its device; over several processes ddp, where it is not fsdp2."""
        parallel = "ddp" if self.ranks.world > 1 and settings.parallel == "none" else settings.parallel
        return settings.model_copy(update={"device": self.device.type, "parallel": parallel})

    def only_first(self, work: Callable[[], object]) -> None:
        """Let the first process work while the others wait.

        Raises:
            PairsmithError: in the others, when the work failed; in the first one the error itself.
        """
        failure: Exception | None = None
        if self.first:
            try:
                work()
            except Exception as error:
                if self.ranks.world == 1:
                    raise
                failure = error
        told = from_first(None if failure is None else str(failure), self.ranks)
        if failure is not None:
            raise failure
        if told is not None:
            raise PairsmithError(f"the first process stopped: {told}")

    def in_turn(self, work: Callable[[], Found]) -> Found:
        """What `work` returns, in every process; the first one makes it, the others call `work` when it is there."""
        found: list[Found] = []
        self.only_first(lambda: found.append(work()))
        return found[0] if self.first else work()

    def is_there(self, file: Path) -> bool:
        """Whether a file is there, as the first process sees it: all go the same way."""
        return bool(from_first(file.is_file(), self.ranks))


@contextmanager
def open_place(settings: RecipeSettings) -> Iterator[Place]:
    """The place that the settings and torchrun's environment name; its process group ends with the block.

    Raises:
        InputError: cuda is asked for where there is none, or a training cannot be shared by the processes.
    """
    ranks = read_ranks()
    device = choose_device(settings.device, ranks)
    if ranks.world > 1:
        _check_trainings(settings, ranks)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    if ranks.world == 1 or dist.is_initialized():
        yield Place(device, ranks)
        return
    dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo", timeout=_PATIENCE)
    try:
        yield Place(device, ranks)
    finally:
        dist.destroy_process_group()


def _check_trainings(settings: RecipeSettings, ranks: Ranks) -> None:
    for name, training in settings.trainings().items():
        if training.parallel == "fsdp2" and name.removesuffix(".training") not in settings.SHARDED:
            raise InputError(
                f"setting '{name}.parallel': the recipe's processes share the work by ddp, for its stages need whole "
                "models; leave it out"
            )
        if training.batch_size % ranks.world:
            raise InputError(
                f"setting '{name}.batch_size': {training.batch_size} rows cannot be shared equally by the "
                f"{ranks.world} processes of torchrun"
            )
