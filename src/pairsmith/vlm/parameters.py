"""Which weights of a VLM are trained, how fast, and which of them decay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from torch import nn

UNDECAYED = ("latents", "media_times", "row_positions", "column_positions")  # 2-d parameters that are not weights


class ParameterGroup(NamedTuple):
    """One trainable parameter and how the optimiser treats it.

    Attributes:
        name: its module in `VisionLanguageModel.trainable_modules` and its name there.
        parameter: the parameter.
        lr_scale: learning rate / base learning rate.
        decay: whether weight decay applies; not to gates, biases, norms, latents and positions.
    """

    name: str
    parameter: nn.Parameter
    lr_scale: float
    decay: bool


def parameter_groups(modules: Mapping[str, nn.Module], gate_lr_scale: float) -> list[ParameterGroup]:
    """All parameters of the modules in a fixed order; gates learn `gate_lr_scale` times as fast as the rest."""
    groups = []
    for module_name, module in modules.items():
        for name, parameter in module.named_parameters(prefix=module_name):
            scale = gate_lr_scale if name.endswith("_gate") else 1.0
            decay = parameter.dim() >= 2 and not name.endswith(UNDECAYED)
            groups.append(ParameterGroup(name, parameter, scale, decay))
    return groups
