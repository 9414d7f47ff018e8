"""What work takes: FLOPs and memory of trainings, counted on models that take no memory, and the hardware that does it.

FLOPs: a multiplication with an addition counts two. A trained network costs three forward passes a step, one forward
and two backward. Memory: weights, gradients and the two moments of AdamW, all float32; activations, which depend on
the micro-batch, are not in it. Time: FLOPs divided by what the stated devices do at the stated utilisation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pairsmith.training.throughput import count_flops

FLOAT_BYTES = 4
TRAINED = 3  # forward passes that a training step of a network costs: one forward, two backward


@dataclass(frozen=True)
class Stage:
    """What training one model takes.

    Attributes:
        name: of the model.
        flops_per_step: of the whole batch; `detail` says what it consists of.
        steps: of the run.
        trained, frozen: parameters held in memory.
    """

    name: str
    flops_per_step: float
    steps: int
    trained: int
    frozen: int
    detail: str = ""

    @property
    def flops(self) -> float:
        """Of the whole run."""
        return self.flops_per_step * self.steps

    @property
    def memory(self) -> dict[str, int]:
        """Bytes of weights, gradients and optimiser states."""
        return {
            "weights": (self.trained + self.frozen) * FLOAT_BYTES,
            "gradients": self.trained * FLOAT_BYTES,
            "AdamW states": 2 * self.trained * FLOAT_BYTES,
        }


@dataclass(frozen=True)
class Devices:
    """The hardware that days are stated for.

    Attributes:
        name: of one device.
        count: devices.
        peak: dense bf16 FLOP/s of one, from its data sheet.
        utilisation: share of the peak that training reaches.
    """

    name: str = "H100"
    count: int = 8
    peak: float = 989e12
    utilisation: float = 0.4

    def seconds(self, flops: float) -> float:
        """Time for so many FLOPs."""
        return flops / (self.count * self.peak * self.utilisation)


def forward_flops(call: Callable[[], object]) -> int:
    """FLOPs of a call on models of the meta device, without gradients."""
    with torch.no_grad():
        return count_flops(call)


def shape_only(*shape: int) -> Tensor:
    """A float tensor of a shape that takes no memory."""
    return torch.empty(*shape, device="meta")


def count_parameters(module: nn.Module) -> int:
    """All parameters of a module, shared ones once."""
    return sum(parameter.numel() for parameter in module.parameters())
