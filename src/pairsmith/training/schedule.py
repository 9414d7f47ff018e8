"""The learning rate over the steps, as a pure function."""

from __future__ import annotations

import math
from typing import Literal


def learning_rate_factor(step: int, *, steps: int, warmup_steps: int, decay: Literal["constant", "cosine"]) -> float:
    """The factor in [0, 1] on the peak learning rate at `step` (from 0).

    Linear warm-up: step 0 has 1 / warmup_steps, step warmup_steps - 1 the peak. Then constant, or half a cosine that
    would reach 0 one step after the last.
    """
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    if decay == "constant":
        return 1.0
    done = (step - warmup_steps) / max(1, steps - warmup_steps)
    return 0.5 * (1.0 + math.cos(math.pi * min(1.0, done)))
