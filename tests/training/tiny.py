"""Tasks and feeds small enough to train hundreds of steps in a second, used by all tests of this room."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from pairsmith.training import Task, TaskLoss, TrainedParameter, TrainingSettings, TrainResult, default_parameters

CODES = 11


class TokenTask(Task):
    """A next-token model over rows of uneven length: the case in which a mean of means is wrong."""

    def __init__(self, dropout: float = 0.0, layers: int = 2, width: int = 16) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(3)
            self.model = nn.Sequential(
                nn.Embedding(CODES, width),
                *(nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Dropout(dropout)) for _ in range(layers)),
                nn.LayerNorm(width),
                nn.Linear(width, CODES),
            )
        self.modules = {"model": self.model}
        self.width = width
        self.seen_modes: set[bool] = set()

    def loss(self, batch: Any, phase: str, step: int, generator: torch.Generator) -> TaskLoss:
        self.seen_modes.add(self.model.training)
        tokens, lengths = batch["tokens"], batch["lengths"]  # [B, L], [B]
        logits = self.model(tokens[:, :-1])  # [B, L-1, K]
        losses = nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), reduction="none")
        valid = (torch.arange(tokens.shape[1] - 1) < lengths[:, None]).to(losses)  # [B, L-1]
        total, count = (losses * valid.flatten()).sum(), valid.sum()
        long = (lengths > 4).to(losses)[:, None] * valid
        return TaskLoss(total, count, {"long": ((losses * long.flatten()).sum(), long.sum())}, tokens=count)

    def blocks(self) -> list[nn.Module]:
        return [self.model[1], self.model[2]]

    def settings(self) -> dict[str, Any]:
        return {"width": self.width, "range": (0, CODES)}


class TokenFeed:
    """Rows that are a pure function of (step, row); rank r of w has the r-th share of them."""

    def __init__(self, batch_size: int = 8, rank: int = 0, world: int = 1, pattern: int = 0) -> None:
        self.batch_size, self.rank, self.world, self.pattern = batch_size, rank, world, pattern

    def batch(self, step: int) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(1000 * self.pattern + step)
        start = torch.randint(CODES, (self.batch_size, 1), generator=generator)
        tokens = (start + 2 * torch.arange(9)) % CODES
        lengths = torch.randint(1, 9, (self.batch_size,), generator=generator)
        share = self.batch_size // self.world
        mine = slice(self.rank * share, (self.rank + 1) * share)
        return {"tokens": tokens[mine], "lengths": lengths[mine]}


class AdversarialTask(Task):
    """A generator of 2-vectors and a discriminator, with noise from the step's generator and dropout."""

    phases = ("generator", "discriminator")

    def __init__(self, dropout: float = 0.0, noise: bool = True) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(5)
            self.modules = {
                "generator": nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 2)),
                "discriminator": nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1)),
            }
        self.noise = noise
        self.calls: list[tuple[str, int]] = []
        self.after: list[tuple[str, int]] = []

    def parameters(self, phase: str) -> list[TrainedParameter]:
        return default_parameters({phase: self.modules[phase]})

    def active(self, phase: str, step: int) -> bool:
        return phase == "generator" or step >= 2

    def loss(self, batch: Any, phase: str, step: int, generator: torch.Generator) -> TaskLoss:
        self.calls.append((phase, step))
        for name in self.phases:
            for parameter in self.modules[name].parameters():
                assert parameter.requires_grad == (name == phase)
        real = batch  # [B, 2]
        source = torch.randn(real.shape, generator=generator) if self.noise else real.flip(1)
        fake = self.modules["generator"](source)
        judge = self.modules["discriminator"]
        if phase == "generator":
            total = nn.functional.softplus(-judge(fake)).sum() + (fake - real).square().sum()
        else:
            total = nn.functional.softplus(-judge(real)).sum() + nn.functional.softplus(judge(fake.detach())).sum()
        return TaskLoss(total, len(real))

    def after_step(self, phase: str, step: int) -> None:
        self.after.append((phase, step))


class PointFeed:
    """Points around (1, 2)."""

    def __init__(self, batch_size: int = 8, rank: int = 0, world: int = 1) -> None:
        self.batch_size, self.rank, self.world = batch_size, rank, world

    def batch(self, step: int) -> Tensor:
        generator = torch.Generator().manual_seed(step)
        points = torch.randn(self.batch_size, 2, generator=generator) + torch.tensor([1.0, 2.0])
        return points.chunk(self.world)[self.rank]


def weights(task: Task) -> dict[str, Tensor]:
    """Copies of all state tensors of a task."""
    return {
        f"{name}.{path}": tensor.detach().clone()
        for name, module in task.modules.items()
        for path, tensor in module.state_dict().items()
    }


def settings(**changes: Any) -> TrainingSettings:
    """Twelve steps on the processor."""
    base = {"steps": 12, "batch_size": 8, "learning_rate": 1e-2, "log_every": 4, "device": "cpu"}
    return TrainingSettings(**{**base, **changes})


def curve(result: TrainResult) -> list[float]:
    """Its logged losses."""
    return [line["loss"] for line in result.history]
