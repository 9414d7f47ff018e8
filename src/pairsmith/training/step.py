"""One optimiser step of a task: its phases, micro-batches, the division by the global count, clipping, the update.

The gradient of every phase is that of  sum over all units / number of all units,  over the micro-batches and ranks of
the step. Means of means, which weigh units by the company they are in, do not occur.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from pairsmith.errors import PairsmithError
from pairsmith.seeds import row_seed, torch_generator
from pairsmith.training.distributed import Ranks, SharedLoss, add_over_ranks
from pairsmith.training.ema import MovingAverage
from pairsmith.training.meter import Meter
from pairsmith.training.optimizer import make_optimizer, scale_and_clip, set_learning_rate
from pairsmith.training.schedule import learning_rate_factor
from pairsmith.training.settings import TrainingSettings
from pairsmith.training.task import Task, TaskLoss, task_parameters


def seed_step(seed: int, step: int, ranks: Ranks, device: torch.device, purpose: str = "training") -> torch.Generator:
    """Seed torch's global generators for one step of one rank; a CPU generator with a seed of its own.

    What is drawn in a step thus depends on nothing that came before, and a resumed run needs no saved generators.
    """
    place = f"step {step} rank {ranks.rank}"
    value = row_seed(seed, place, purpose)
    # Not torch.manual_seed, which formats a stack trace for every device type that is not in use.
    torch.default_generator.manual_seed(value)
    if device.type == "cuda":
        torch.cuda.manual_seed(value)
    return torch_generator(seed, place, f"{purpose} generator")


class Stepper:
    """Makes the optimiser steps of a run.

    Args:
        task: its modules must be on `device`.
        settings: of the run.
        ranks: this process among all.
        device: of the modules.
        meter: gets losses, parts, tokens and gradient norms; names are prefixed by the phase if there are several.

    Attributes:
        parameters: phase -> trained parameters.
        optimizers: phase -> AdamW.
        average: the moving average, or None.
        shared: the task's loss over all ranks.
    """

    def __init__(
        self, task: Task, settings: TrainingSettings, ranks: Ranks, device: torch.device, meter: Meter
    ) -> None:
        self.task = task
        self.settings = settings
        self._ranks = ranks
        self._device = device
        self._meter = meter
        self._checks: list[tuple[int, str, Tensor, Tensor]] = []
        share = settings.batch_size // ranks.world
        self._parts = -(-share // min(settings.micro_batch or share, share))
        trained = {id(item.parameter) for items in task_parameters(task).values() for item in items}
        for module in (*task.modules.values(), *task.frozen.values()):
            for parameter in module.parameters():
                parameter.requires_grad_(id(parameter) in trained)
        self.shared = SharedLoss(task, settings, ranks, device)
        self.parameters = task_parameters(task)  # after sharding, which puts new parameters in their places
        self.optimizers = {phase: make_optimizer(items, settings) for phase, items in self.parameters.items()}
        everything = [item for items in self.parameters.values() for item in items]
        self.average = MovingAverage(everything, settings.ema) if settings.ema else None

    def step(self, batch: Any, step: int) -> None:
        """All phases of step number `step` (from 0) on this rank's batch.

        Raises:
            PairsmithError: the loss or a gradient is not finite (on a GPU: raised by the next `check`).
        """
        generator = seed_step(self.settings.seed, step, self._ranks, self._device)
        with torch.no_grad():
            prepared = self.task.prepare(batch, self._device)
            pieces = self.task.split(prepared, self._parts) if self._parts > 1 else [prepared]
        for phase in self.task.phases:
            if self.task.active(phase, step):
                self._phase(pieces, phase, step, generator)
        if self.average:
            self.average.update(step)

    def learning_rate(self, step: int) -> float:
        """Of step number `step`, before the parameters' own scales."""
        settings = self.settings
        return settings.learning_rate * learning_rate_factor(
            step, steps=settings.steps, warmup_steps=settings.warmup_steps, decay=settings.decay
        )

    def check(self) -> None:
        """
        Raises:
            PairsmithError: a loss or a gradient since the last check was not finite; the first such step is named.
        """
        checks, self._checks = self._checks, []
        if not checks:
            return
        values = torch.stack([value for _, _, loss, norm in checks for value in (loss.float(), norm.float())])
        if bool(values.isfinite().all()):
            return
        for (step, phase, _, _), (loss, norm) in zip(checks, values.reshape(-1, 2).tolist(), strict=True):
            if not (abs(loss) < float("inf") and abs(norm) < float("inf")):
                where = f" of phase {phase!r}" if len(self.task.phases) > 1 else ""
                raise PairsmithError(
                    f"step {step}: the loss{where} is {loss:g} and its gradient norm {norm:g}; "
                    "lower the learning rate or look at the rows of this step"
                )

    def _phase(self, pieces: Sequence[Any], phase: str, step: int, generator: torch.Generator) -> None:
        settings, parameters, optimizer = self.settings, self.parameters[phase], self.optimizers[phase]
        if len(self.task.phases) > 1:
            for name, others in self.parameters.items():
                for item in others:
                    item.parameter.requires_grad_(name == phase)
        self.shared.begin_phase(phase)
        losses: list[Tensor] = []
        counts: list[Tensor] = []
        for number, piece in enumerate(pieces):
            with self.shared.gathering(phase, last=number == len(pieces) - 1):
                with torch.autocast(
                    self._device.type,
                    torch.bfloat16,
                    enabled=settings.precision == "bf16",
                    cache_enabled=settings.parallel != "fsdp2",  # gathered weights must not outlive their use
                ):
                    found = self.shared(piece, phase, step, generator)
                found.sum.backward()
            losses.append(found.sum.detach())
            counts.append(torch.as_tensor(found.count, dtype=torch.float32, device=self._device))
            self._measure(phase, found)
        count = add_over_ranks(torch.stack(counts).sum(), self._ranks)
        # Backward passes average over ranks; what is wanted is the sum over ranks, divided once.
        factor = torch.where(count > 0, self._ranks.world / count, torch.zeros_like(count))
        norm = scale_and_clip(parameters, factor, settings.clip)
        if self._ranks.rank == 0:  # it is the same on all ranks
            self._meter.add(self._name(phase, "gradient_norm"), norm)
        self._checks.append((step, phase, torch.stack(losses).sum(), norm))
        if self._device.type == "cpu":
            self.check()  # free here; on a GPU it would wait for the device at every step
        set_learning_rate(optimizer, self.learning_rate(step))
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            self.task.after_step(phase, step)

    def _measure(self, phase: str, found: TaskLoss) -> None:
        self._meter.add(self._name(phase, "loss"), found.sum, found.count)
        for name, (total, count) in found.parts.items():
            self._meter.add(self._name(phase, name), total, count)
        if found.tokens is not None and phase == self.task.phases[0]:
            self._meter.add("tokens", found.tokens, 0.0)

    def _name(self, phase: str, name: str) -> str:
        return f"{phase}/{name}" if len(self.task.phases) > 1 else name
