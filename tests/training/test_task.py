"""Which parameters are trained and decayed."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pairsmith.errors import PairsmithError
from pairsmith.training.task import default_parameters, task_parameters
from tests.training.tiny import AdversarialTask, TokenTask


class Mixed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(5, 4)
        self.positions = nn.Parameter(torch.zeros(3, 4))
        self.latents = nn.Parameter(torch.zeros(3, 4))
        self.linear = nn.Linear(4, 4)
        self.convolution = nn.Conv2d(1, 1, 3)
        self.norm = nn.LayerNorm((4, 4))
        self.gate = nn.Parameter(torch.zeros(1))
        self.projection = nn.Parameter(torch.zeros(4, 4))
        self.frozen = nn.Parameter(torch.zeros(4, 4), requires_grad=False)
        self.tied = self.linear


def test_decay_is_for_the_matrices_of_linear_maps_only():
    found = {item.name: item for item in default_parameters({"m": Mixed()}, lr_scale=0.5)}
    decayed = {name for name, item in found.items() if item.decay}
    assert decayed == {"m.linear.weight", "m.convolution.weight", "m.projection"}
    assert set(found) - decayed == {
        "m.table.weight",
        "m.positions",
        "m.latents",
        "m.linear.bias",
        "m.convolution.bias",
        "m.norm.weight",
        "m.norm.bias",
        "m.gate",
    }
    assert {item.lr_scale for item in found.values()} == {0.5}


def test_parameters_are_named_by_their_place_whatever_the_task_calls_them():
    task = TokenTask()
    weight = task.model[-1].weight
    task.parameters = lambda phase: [("anything", weight, 2.0, False)]
    (item,) = task_parameters(task)["main"]
    assert item.name == "model.4.weight"
    assert item.parameter is weight
    assert (item.lr_scale, item.decay) == (2.0, False)


def test_a_parameter_outside_the_modules_is_refused():
    task = TokenTask()
    task.parameters = lambda phase: [("lost", nn.Parameter(torch.zeros(2)), 1.0, True)]
    with pytest.raises(PairsmithError, match=r"lost.*would not be saved"):
        task_parameters(task)


def test_a_parameter_of_two_phases_is_refused():
    task = AdversarialTask()
    task.parameters = lambda phase: default_parameters(task.modules)
    with pytest.raises(PairsmithError, match="twice"):
        task_parameters(task)


def test_a_phase_without_parameters_is_refused():
    task = TokenTask()
    task.parameters = lambda phase: []
    with pytest.raises(PairsmithError, match="no parameter in phase 'main'"):
        task_parameters(task)
