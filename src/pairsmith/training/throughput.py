"""How fast a run is: steps, rows and tokens a second, FLOP/s, utilisation of known devices, memory, data wait.

Utilisation is given only where the device's peak is known; assuming some peak would make the number worthless.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

PEAK_FLOPS = {
    "B200": 2250e12,
    "H200": 989e12,
    "H100 PCIe": 756e12,
    "H100 80GB HBM3": 989e12,
    "H100 SXM": 989e12,
    "A100": 312e12,
}
"""Part of a device's name -> its dense bf16 FLOP/s, from the makers' data sheets."""

UNTIMED_STEPS = 2
"""First steps of a process, which pay for compilation, allocation and the FLOP count, are not timed."""


def peak_flops(device_name: str) -> float | None:
    """The dense bf16 FLOP/s of a device by the name torch gives it; None when unknown or a slice of a device."""
    if "MIG" in device_name:
        return None
    return next((peak for part, peak in PEAK_FLOPS.items() if part in device_name), None)


def count_flops(call: Callable[[], object]) -> int:
    """The FLOPs of the matrix products, convolutions and attentions that `call` runs, forward and backward.

    A multiplication with an addition counts as two. Compiled modules run uncompiled here, so that their work is seen.
    """
    counter = FlopCounterMode(display=False)
    with torch.compiler.set_stance("force_eager"), counter:
        call()
    return int(counter.get_total_flops())


def peak_memory(device: torch.device) -> int:
    """The most bytes held so far: by torch on a GPU, by the process (resident) on a CPU."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024


class Stopwatch:
    """Times the steps of an interval, leaving out the first steps of the process and what is paused.

    Args:
        device: synchronised when an interval is read, not at every step.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._untimed = UNTIMED_STEPS
        self._began = time.perf_counter()
        self._start: float | None = None
        self._steps = 0
        self._seconds = 0.0

    def step_done(self) -> None:
        """One more step is behind us."""
        if self._untimed > 0:
            self._untimed -= 1
            if self._untimed == 0:
                self.resume()
        else:
            self._steps += 1

    def pause(self) -> None:
        """Stop counting time (evaluation, writing a checkpoint)."""
        if self._start is not None:
            self._synchronize()
            self._seconds += time.perf_counter() - self._start
            self._start = None

    def resume(self) -> None:
        """Count time again."""
        if self._untimed == 0:
            self._synchronize()
            self._start = time.perf_counter()

    def steps_per_second(self) -> float | None:
        """Of the steps since the last call; None if none of them was timed. The watch must be paused."""
        rate = self._steps / self._seconds if self._steps and self._seconds > 0 else None
        self._steps, self._seconds = 0, 0.0
        return rate

    def elapsed(self) -> float:
        """Seconds since the watch was made, all included."""
        return time.perf_counter() - self._began

    def _synchronize(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
