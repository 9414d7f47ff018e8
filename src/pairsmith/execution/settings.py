"""How a stage is run: by how many workers, on what, as which rank, and when it is given up. None of it changes rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from pairsmith.errors import InputError
from pairsmith.execution.budget import FailureBudget
from pairsmith.execution.rank import Rank

ExecutorName = Literal["local", "ray"]


@dataclass(frozen=True)
class WorkerLine:
    """What a worker does.

    Attributes:
        number: from 0.
        state: "starting", "working" or "waiting".
        shard: that it makes; None between shards.
        done, rows: of the shard, rows made and rows in all.
        rate: rows a second since it was ready; None before it made any.
        failed: rows, of all its shards.
        left: seconds to the end of its shard; None where nobody knows.
        deaths: how often its process died and another took its place.
    """

    number: int
    state: Literal["starting", "working", "waiting"] = "starting"
    shard: int | None = None
    done: int = 0
    rows: int = 0
    rate: float | None = None
    failed: int = 0
    left: float | None = None
    deaths: int = 0


Watch = Callable[[Sequence[WorkerLine]], None]


@dataclass(frozen=True)
class Execution:
    """How a stage is run.

    Attributes:
        executor: "local" for processes of this machine, "ray" for actors of a Ray cluster.
        workers: how many; one local worker is this process itself.
        rank: this process among several that make one store; None where it is alone.
        retry_failed: make the rows again that failed before, and only those of their shards.
        max_failures: failed rows after which the run stops; None: it never does.
        cuda: workers use GPUs, each one of its own while there are enough.
        watch: told what the workers do, whenever that changes.
        attempts: how many workers may die of one shard before the run is given up.

    Raises:
        InputError: no worker, or an unknown executor.
    """

    executor: ExecutorName = "local"
    workers: int = 1
    rank: Rank | None = None
    retry_failed: bool = False
    max_failures: FailureBudget | None = None
    cuda: bool = False
    watch: Watch | None = None
    attempts: int = 3

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise InputError(f"workers must be at least 1, not {self.workers}")
        if self.executor not in ("local", "ray"):
            raise InputError(f"executor {self.executor!r} is none of local, ray")

    @property
    def here(self) -> bool:
        """Whether this process does the work itself."""
        return self.executor == "local" and self.workers == 1


ALONE = Execution()
