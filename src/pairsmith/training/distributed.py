"""Ranks, process groups and sharded tensors: the only file that knows how many processes train together.

Launched by `torchrun`, which sets the environment variables read here. With one process nothing of this does anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from pairsmith.errors import InputError
from pairsmith.training.settings import TrainingSettings
from pairsmith.training.task import Task, TaskLoss


class Ranks(NamedTuple):
    """This process among those that train together."""

    rank: int = 0
    world: int = 1
    local_rank: int = 0
    """Number of the process on its machine: the GPU it uses."""


def read_ranks() -> Ranks:
    """From the process group if there is one, else from torchrun's environment, else a single process."""
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    if dist.is_available() and dist.is_initialized():
        return Ranks(dist.get_rank(), dist.get_world_size(), local_rank)
    return Ranks(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")), local_rank)


def choose_device(name: str, ranks: Ranks) -> torch.device:
    """The device of this process for the setting `auto`, `cpu` or `cuda`.

    Raises:
        InputError: cuda is asked for where there is none, or there are more processes than GPUs.
    """
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise InputError("setting 'device': cuda is not available here; use auto or cpu")
    if ranks.local_rank >= torch.cuda.device_count():
        raise InputError(
            f"this machine has {torch.cuda.device_count()} GPUs, and process {ranks.local_rank + 1} has none to "
            "itself: launch as many processes as there are GPUs"
        )
    return torch.device("cuda", ranks.local_rank)


@contextmanager
def process_group(ranks: Ranks, device: torch.device) -> Iterator[None]:
    """A process group for the block when there are several ranks; one that exists already is used and left alone."""
    if device.type == "cuda":
        torch.cuda.set_device(device)
    if ranks.world == 1 or dist.is_initialized():
        yield
        return
    dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


# === Values of all ranks ===


def add_over_ranks(tensor: Tensor, ranks: Ranks) -> Tensor:
    """`tensor` summed over the ranks, in place."""
    if ranks.world > 1:
        dist.all_reduce(tensor)
    return tensor


def collect(value: Any, ranks: Ranks) -> list[Any]:
    """Every rank's plain value (numbers, text, dictionaries), in the order of the ranks, on every rank."""
    if ranks.world == 1:
        return [value]
    values: list[Any] = [None] * ranks.world
    dist.all_gather_object(values, value)
    return values


def from_first(value: Any, ranks: Ranks) -> Any:
    """Rank 0's plain value, on every rank; all ranks wait for it."""
    return collect(value if ranks.rank == 0 else None, ranks)[0]


# === Sharded tensors ===


def local_tensor(tensor: Tensor) -> Tensor:
    """This rank's part of a sharded tensor (sharing its memory), or the tensor itself."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def whole(tensor: Tensor) -> Tensor:
    """The whole of a tensor on its device; for a sharded one all ranks must call this together."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def gather_full(tensor: Tensor) -> Tensor:
    """The whole of a tensor as a detached copy on the CPU; for a sharded one all ranks must call this together."""
    return whole(tensor.detach()).to("cpu", copy=True).contiguous()


@torch.no_grad()
def copy_into(target: Tensor, value: Tensor) -> None:
    """Copy a whole tensor into one of equal shape that may be sharded: each rank takes its own part."""
    target = target.detach()
    if isinstance(target, DTensor):
        value = value.to(device=target.to_local().device, dtype=target.dtype)
        shard = distribute_tensor(value, target.device_mesh, target.placements, src_data_rank=None)
        target.to_local().copy_(shard.to_local())
    else:
        target.copy_(value)


# === Losses over ranks ===


class LossModule(nn.Module):
    """A task's loss as the forward pass of one module, which DDP and FSDP2 can wrap; it owns the task's modules."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.task = task
        self.members = nn.ModuleDict(dict(task.modules))

    def forward(self, batch: Any, phase: str, step: int, generator: torch.Generator) -> tuple[Any, ...]:
        """The fields of `TaskLoss` as a tuple: the wrappers look for tensors in plain containers only."""
        found = self.task.loss(batch, phase, step, generator)
        return found.sum, found.count, dict(found.parts), found.tokens


class SharedLoss:
    """Calls a task's loss in such a way that `backward` averages the gradients over the ranks.

    Args:
        task: whose modules are wrapped; under fsdp2 their parameters become sharded tensors here.
        settings: `parallel` says how.
        ranks: with a single rank nothing is wrapped.
        device: of this rank.
    """

    def __init__(self, task: Task, settings: TrainingSettings, ranks: Ranks, device: torch.device) -> None:
        self._phase_modules: dict[str, nn.Module] = {}
        self._module: nn.Module = LossModule(task)
        self._task = task
        self._ddp = ranks.world > 1 and settings.parallel == "ddp"
        if ranks.world > 1 and settings.parallel == "fsdp2":
            mesh = init_device_mesh(device.type, (ranks.world,))
            whole = _whole_parameters(task)
            for block in task.blocks():
                fully_shard(block, mesh=mesh, ignored_params=whole)
            fully_shard(self._module, mesh=mesh, ignored_params=whole)

    def begin_phase(self, phase: str) -> None:
        """To be called when only the parameters of `phase` require a gradient, before its losses.

        DDP fixes at its construction which parameters it reduces, so every phase has a wrapper of its own.
        """
        if self._ddp and phase not in self._phase_modules:
            self._phase_modules[phase] = DistributedDataParallel(
                self._module, find_unused_parameters=not self._task.uses_all_parameters
            )

    def __call__(self, batch: Any, phase: str, step: int, generator: torch.Generator) -> TaskLoss:
        module = self._phase_modules.get(phase, self._module)
        return TaskLoss(*module(batch, phase, step, generator))

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Inside the block the modules can be called directly, with whole weights; all ranks enter together."""
        sharded = [module for module in self._module.modules() if isinstance(module, FSDPModule)]
        for module in sharded:
            module.unshard()
        try:
            yield
        finally:
            for module in sharded:  # or the next step would compute with the weights gathered here
                module.reshard()

    def gathering(self, phase: str, last: bool) -> AbstractContextManager[Any]:
        """The context of the forward and backward pass of a micro-batch: DDP reduces in the `last` one only."""
        module = self._phase_modules.get(phase)
        if last or not isinstance(module, DistributedDataParallel):
            return nullcontext()
        return module.no_sync()


def _whole_parameters(task: Task) -> set[nn.Parameter]:
    """What `prepare` computes with: outside the forward pass that gathers shards, a sharded weight is in pieces.

    Helpers may share weights with the trained modules (the generator's text encoder is the VLM's language model), so
    they are told apart parameter by parameter.
    """
    outside = (*task.frozen.values(), *task.used_in_prepare())
    return {item for module in outside for item in module.parameters() if not item.requires_grad}


def check_parallel(settings: TrainingSettings, ranks: Ranks, phases: Sequence[str]) -> None:
    """
    Raises:
        InputError: the settings do not fit the number of processes or the task.
    """
    if ranks.world > 1 and settings.parallel == "none":
        raise InputError(f"setting 'parallel' is none but {ranks.world} processes were launched; use ddp or fsdp2")
    if settings.batch_size % ranks.world:
        raise InputError(f"setting 'batch_size': {settings.batch_size} is not divisible by {ranks.world} processes")
    if settings.parallel == "fsdp2" and len(phases) > 1:
        raise InputError("setting 'parallel': fsdp2 trains tasks of one phase; use ddp for adversarial training")
