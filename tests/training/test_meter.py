"""Means are sums over counts, and a restart in between changes no bit."""

from __future__ import annotations

import torch

from pairsmith.training.distributed import Ranks
from pairsmith.training.meter import Meter, means


def test_mean_weighs_by_count_and_leaves_out_the_empty():
    meter = Meter()
    meter.add("loss", torch.tensor(6.0), torch.tensor(3))
    meter.add("loss", 2.0, 1)
    meter.add("never", torch.tensor(0.0), 0)
    assert means(meter.totals(Ranks())) == {"loss": 2.0}


def test_saved_sums_continue_to_the_bit():
    values = torch.rand(100, generator=torch.Generator().manual_seed(0))
    straight, broken = Meter(), Meter()
    for number, value in enumerate(values):
        straight.add("x", value)
        broken.add("x", value)
        if number == 36:
            saved = broken.totals(Ranks())
            broken = Meter()
            broken.reset(saved)
    assert straight.totals(Ranks()) == broken.totals(Ranks())
