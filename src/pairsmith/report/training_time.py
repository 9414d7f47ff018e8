"""How long trainings took, from the logs that they left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pairsmith.report.numbers import finite
from pairsmith.training.logging import LOG_NAME, read_lines


@dataclass(frozen=True)
class TrainingTime:
    """What the logs of one training, or of an arm's seeds together, say.

    Attributes:
        name: of the model.
        steps, batch_size: of one training.
        seconds: of all together.
        steps_per_second: of the first one's last line.
    """

    name: str
    steps: int
    batch_size: int | None
    seconds: float | None
    steps_per_second: float | None


def training_time(name: str, models: Sequence[Path]) -> TrainingTime | None:
    """Of the logs that there are; None where there is none."""
    lasts = [lines[-1] for model in models if (lines := read_lines(model / "training" / LOG_NAME))]
    if not lasts:
        return None
    first = lasts[0]
    steps, samples = int(finite(first.get("step")) or 0), finite(first.get("samples_seen"))
    seconds = [finite(last.get("seconds")) for last in lasts]
    return TrainingTime(
        name,
        steps,
        round(samples / steps) if samples and steps else None,
        None if None in seconds else sum(seconds),  # type: ignore[arg-type]
        finite(first.get("steps_per_second")),
    )
