"""Classifier-free guidance. Two formulas share one arithmetic: cond + extra * (cond - null).

`muse`       l = (1 + t) * l_c - t * l_u      extra = t
`diffusers`  l = l_u + s * (l_c - l_u)        extra = s - 1

Muse's t = 4 is therefore diffusers' s = 5; a scale means nothing without the name of its formula. Where extra is 0 the
null branch has no influence and need not be computed.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor

GuidanceFormula = Literal["muse", "diffusers"]
GuidanceSchedule = Literal["constant", "linear"]


def extra_weight(
    scale: float, step: int, steps: int, formula: GuidanceFormula = "muse", schedule: GuidanceSchedule = "constant"
) -> float:
    """The factor on (cond - null) beyond plain conditioning, at one refinement step.

    Args:
        scale: t or s of the formula.
        step: 0 to steps - 1.
        steps: refinement steps in all.
        formula: which formula `scale` belongs to.
        schedule: constant, or linear from no guidance at the first step to `scale` at the last (Muse §2.7); a single
            step has the full scale.
    """
    extra = scale if formula == "muse" else scale - 1
    if schedule == "linear" and steps > 1:
        extra *= step / (steps - 1)
    return extra


def guided_logits(cond: Tensor, null: Tensor, extra: float) -> Tensor:
    """Combine float32 logits [..., K] of the caption and of no caption; `extra` 0 gives `cond` exactly."""
    return cond + extra * (cond - null)
