"""FLOPs of known products, peaks of known devices only, and a clock that leaves out pauses and first steps."""

from __future__ import annotations

import pytest
import torch

from pairsmith.training import throughput
from pairsmith.training.throughput import count_flops, peak_flops


def test_flops_of_a_product_and_its_gradients():
    left, right = torch.randn(8, 16), torch.randn(16, 4, requires_grad=True)
    forward = 2 * 8 * 16 * 4
    assert count_flops(lambda: left @ right) == forward
    assert count_flops(lambda: (left @ right).sum().backward()) == 2 * forward  # `left` needs no gradient


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("NVIDIA A100-SXM4-80GB", 312e12),
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("NVIDIA H100 PCIe", 756e12),
        ("NVIDIA H200", 989e12),
        ("NVIDIA B200", 2250e12),
        ("NVIDIA H100 80GB HBM3 MIG 1g.10gb", None),
        ("NVIDIA H100 NVL", None),
        ("NVIDIA GeForce RTX 4090", None),
    ],
)
def test_peak_is_known_or_not_given(name, peak):
    assert peak_flops(name) == peak


def test_watch_leaves_out_first_steps_and_pauses(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(throughput.time, "perf_counter", lambda: now[0])

    def work(seconds: float) -> None:
        now[0] += seconds
        watch.step_done()

    watch = throughput.Stopwatch(torch.device("cpu"))
    for _ in range(throughput.UNTIMED_STEPS):
        work(50.0)
    for _ in range(4):
        work(0.5)
    watch.pause()
    now[0] += 200.0
    assert watch.steps_per_second() == 2.0
    watch.resume()
    work(0.25)
    watch.pause()
    assert watch.steps_per_second() == 4.0
    assert watch.steps_per_second() is None
    assert watch.elapsed() == 302.25 + 50.0 * (throughput.UNTIMED_STEPS - 2)
