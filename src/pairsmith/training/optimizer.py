"""AdamW over the parameters of a phase, with its state kept by name.

States are saved under parameter names, not under positions, so that a checkpoint says what belongs to what and is
checked when it is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from pairsmith.errors import InputError
from pairsmith.training.distributed import copy_into, gather_full, local_tensor, whole
from pairsmith.training.settings import TrainingSettings
from pairsmith.training.task import TrainedParameter

OptimizerState = dict[str, dict[str, Tensor]]
"""Parameter name -> {"step", "exp_avg", "exp_avg_sq"}, on the CPU."""


def make_optimizer(parameters: Sequence[TrainedParameter], settings: TrainingSettings) -> torch.optim.AdamW:
    """AdamW with one group for each (lr_scale, decay) that occurs; `weight_decay` applies where decay is set."""
    groups: dict[tuple[float, bool], list[torch.nn.Parameter]] = {}
    for item in parameters:
        groups.setdefault((item.lr_scale, item.decay), []).append(item.parameter)
    return torch.optim.AdamW(
        [
            {"params": members, "lr_scale": scale, "weight_decay": settings.weight_decay if decay else 0.0}
            for (scale, decay), members in groups.items()
        ],
        lr=settings.learning_rate,
        betas=settings.betas,
        eps=settings.epsilon,
        fused=True,
    )


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give every group `rate` times its own scale."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["lr_scale"]


def scale_and_clip(parameters: Sequence[TrainedParameter], factor: Tensor, clip: float | None) -> Tensor:
    """Multiply all gradients by `factor` (scalar), then clip their global norm; the norm before clipping, a scalar.

    Parameters without gradient are passed over.
    """
    gradients = [item.parameter.grad for item in parameters if item.parameter.grad is not None]
    if not gradients:
        return torch.zeros_like(factor)
    norm = whole(torch.nn.utils.get_total_norm(gradients)) * factor
    if clip is not None:
        factor = factor * (clip / (norm + 1e-6)).clamp(max=1.0)
    torch._foreach_mul_([local_tensor(gradient) for gradient in gradients], factor)
    return norm


def optimizer_state(optimizer: torch.optim.Optimizer, parameters: Sequence[TrainedParameter]) -> OptimizerState:
    """The moments by parameter name, full and on the CPU; parameters that were never stepped are left out.

    With sharded parameters every rank must call this at the same time.
    """
    state: OptimizerState = {}
    for item in parameters:
        moments = optimizer.state.get(item.parameter)
        if moments:
            state[item.name] = {key: gather_full(value) for key, value in moments.items()}
    return state


def load_optimizer_state(
    optimizer: torch.optim.Optimizer, parameters: Sequence[TrainedParameter], state: Mapping[str, Mapping[str, Tensor]]
) -> None:
    """Put saved moments back.

    Raises:
        InputError: the state names a parameter that is not trained here, or has another shape.
    """
    by_name = {item.name: item.parameter for item in parameters}
    for name, moments in state.items():
        if name not in by_name:
            raise InputError(f"the checkpoint holds moments of {name!r}, which this task does not train")
        parameter = by_name[name]
        restored: dict[str, Tensor] = {}
        for key, value in moments.items():
            if key == "step":
                restored[key] = value.to(parameter.device)
                continue
            if value.shape != parameter.shape:
                raise InputError(f"moments of {name!r}: shape {tuple(value.shape)}, not {tuple(parameter.shape)}")
            restored[key] = torch.zeros_like(parameter, memory_format=torch.preserve_format)
            copy_into(restored[key], value)
        optimizer.state[parameter] = restored
