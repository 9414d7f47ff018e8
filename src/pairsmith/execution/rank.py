"""Which of a store's shards a process makes, where several processes make one store without a driver between them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from pairsmith.errors import InputError

AUTO = "auto"


@dataclass(frozen=True)
class Rank:
    """One of `world` processes; its shards are those whose number leaves `number` when divided by `world`.

    Raises:
        InputError: a number outside 0..world-1.
    """

    number: int
    world: int

    def __post_init__(self) -> None:
        if self.world < 1 or not 0 <= self.number < self.world:
            raise InputError(f"rank {self.number} of {self.world}: ranks go from 0 to the world less 1")

    def owns(self, shard: int) -> bool:
        """Whether this process makes a shard."""
        return shard % self.world == self.number

    @classmethod
    def parse(cls, rank: str | None, world: int | None, environment: Mapping[str, str] = os.environ) -> Rank | None:
        """The rank of a command's options; None where none is asked for.

        Args:
            rank: a number, or "auto" for what the launcher set: SLURM_ARRAY_TASK_ID and its count, RANK and WORLD_SIZE
                of torchrun, or both, where each task of an array launches processes.
            world: how many there are; only with a number.

        Raises:
            InputError: half of the two, no number, or an environment without ranks.
        """
        if rank is None:
            if world is not None:
                raise InputError("--world is for ranks: give --rank too, a number or auto")
            return None
        if rank == AUTO:
            if world is not None:
                raise InputError("--rank auto takes the world from the launcher: leave out --world")
            return _launched(environment)
        if world is None:
            raise InputError("--rank needs --world, the number of all ranks")
        if not (rank.isascii() and rank.isdigit()):
            raise InputError(f"--rank {rank}: give a number from 0, or auto")
        return cls(int(rank), world)


def _launched(environment: Mapping[str, str]) -> Rank:
    """Of the task in its array, and of the process in its task."""
    names = ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "RANK", "WORLD_SIZE")
    if not (all(name in environment for name in names[:2]) or all(name in environment for name in names[2:])):
        raise InputError(
            "--rank auto: neither SLURM_ARRAY_TASK_ID and SLURM_ARRAY_TASK_COUNT nor RANK and WORLD_SIZE are set"
        )

    for pair in (names[:2], names[2:]):
        lacking = [name for name in pair if name not in environment]
        if len(lacking) == 1:  # the other alone would leave shards that nobody makes
            raise InputError(f"--rank auto: {lacking[0]} is not set, and its companion is; set both or neither")

    def number(name: str, default: int) -> int:
        try:
            return int(environment.get(name, default))
        except ValueError:
            raise InputError(f"--rank auto: {name} is {environment[name]!r}, which is no number") from None

    task = number(names[0], 0)
    first, step = number("SLURM_ARRAY_TASK_MIN", 0), number("SLURM_ARRAY_TASK_STEP", 1)
    processes = number(names[3], 1)
    place = (task - first) // max(step, 1) if names[0] in environment else 0
    return Rank(place * processes + number(names[2], 0), number(names[1], 1) * processes)
