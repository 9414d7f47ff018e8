"""A moving average of the trained weights, for evaluation and for the final model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from pairsmith.errors import InputError
from pairsmith.training.distributed import copy_into, gather_full, local_tensor
from pairsmith.training.task import TrainedParameter


class MovingAverage:
    """average <- d * average + (1 - d) * weights after every step, with d = min(decay, (1 + n) / (10 + n)) at step n.

    The growing d lets a short run forget its random start.

    Args:
        parameters: whose values are averaged; the average starts as their present values.
        decay: the largest d.
    """

    def __init__(self, parameters: Sequence[TrainedParameter], decay: float) -> None:
        self.decay = decay
        self._parameters = {item.name: item.parameter for item in parameters}
        self._average = {name: parameter.detach().clone() for name, parameter in self._parameters.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights as they are after `step` (from 0)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(
            [local_tensor(average) for average in self._average.values()],
            [local_tensor(parameter.detach()) for parameter in self._parameters.values()],
            1.0 - decay,
        )

    @torch.no_grad()
    def copy_to_weights(self) -> None:
        """Overwrite the weights with their average."""
        for name, parameter in self._parameters.items():
            local_tensor(parameter.detach()).copy_(local_tensor(self._average[name]))

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Inside the block the weights are their average; afterwards they are as before."""
        kept = {name: local_tensor(parameter.detach()).clone() for name, parameter in self._parameters.items()}
        self.copy_to_weights()
        try:
            yield
        finally:
            with torch.no_grad():
                for name, parameter in self._parameters.items():
                    local_tensor(parameter.detach()).copy_(kept[name])

    def state(self) -> dict[str, Tensor]:
        """Full copies on the CPU by parameter name; with sharded parameters all ranks must call this together."""
        return {name: gather_full(value) for name, value in self._average.items()}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Put a saved average back.

        Raises:
            InputError: the saved names are not the trained ones.
        """
        if set(state) != set(self._average):
            name = sorted(set(state) ^ set(self._average))[0]
            raise InputError(f"the checkpoint's weight average and this task differ in {name!r}")
        for name, value in state.items():
            copy_into(self._average[name], value)
