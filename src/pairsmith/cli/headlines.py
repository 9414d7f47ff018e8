"""A finished run in a few lines: what the arms scored, what synthetic pairs gained, how much faster embeddings are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pairsmith.evaluation.metrics_file import Metric

_ARMS = {
    "baseline": "Baseline, real pairs alone",
    "synthetic": "Synth², real and synthetic pairs",
    "pixels": "Synth² through pixels",
    "gold": "Gold, true pictures of the synthetic captions",
}


def headlines(metrics: Mapping[str, Metric]) -> list[str]:
    """Lines for the end of a run; figures that the run does not have are left out."""
    lines = []
    for arm, label in _ARMS.items():
        metric = metrics.get(f"synth2.{arm}.cider")
        if metric is not None:
            lines.append(f"CIDEr {metric.value:5.1f}{_interval(metric)}  {label}")
    gain = metrics.get("synth2.gain.relative")
    if gain is not None:
        lines.append(f"Gain of synthetic pairs over Baseline: {gain.value:+.1f} %{_interval(gain)}")
    speed = metrics.get("synth2.speed.embedding_over_pixel")
    if speed is not None:
        span = "" if speed.low is None else f" ({speed.low:.2f} to {speed.high:.2f})"
        lines.append(f"Training from embeddings is {speed.value:.2f}{span} times as fast as through pixels")
    return lines


def _interval(metric: Metric) -> str:
    return "" if metric.low is None else f" (95 % interval {metric.low:.1f} to {metric.high:.1f})"
