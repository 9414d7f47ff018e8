"""A run's folder as a report reads it: settings, results, stores and logs, each None or empty where it is missing.

With the user's own pairs, whatever belongs to the built-in world is left out here, once, and cannot reach the page.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pairsmith.errors import InputError
from pairsmith.evaluation.metrics_file import ENVIRONMENT_NAME, METRICS_NAME, Metric, read_environment, read_metrics
from pairsmith.pairs import PairStore
from pairsmith.recipes.run_files import read_run, read_settings
from pairsmith.report.arms import LABELS, ArmResult, join_seeds
from pairsmith.report.numbers import finite, plural
from pairsmith.tokenizer.model import VQTokenizer
from pairsmith.training.logging import LOG_NAME, read_lines

logger = logging.getLogger(__name__)

# Settings and results that only the built-in world gives a meaning.
WORLD_SETTINGS = (
    "world",
    "data.real",
    "data.class_exponent",
    "data.colour_exponent",
    "data.pictures",
    "data.text",
    "language_model.width",
    "language_model.layers",
    "language_model.heads",
    "language_model_training",
    "evaluation.oracle_steps",
    "evaluation.oracle_batch",
)
WORLD_ARMS = ("gold",)
_WORLD_KEYS = (".gold.", ".truth.", ".faithfulness.")


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


class RunFolder:
    """One run of the Synth² recipe.

    Args:
        out: its folder.

    Raises:
        InputError: no run was begun there, or one of its files cannot be read.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        found = read_settings(out)
        found.pop("recipe", None)
        source = found.pop("real", None)
        self.source: str | None = None if source is None else Path(str(source)).name
        """Name of the folder or file of the user's own pairs; None on scenes."""
        self.own_pairs = source is not None
        self.settings: dict[str, Any] = _without_world(found) if self.own_pairs else found
        """The settings that played a part."""
        try:
            seeds = found.get("seeds")
            self.results = read_run(out, seeds if isinstance(seeds, int) else None)
        except ValueError as error:
            raise InputError(f"{out / 'evaluation'} holds a file that is not JSON ({error}); run again") from error
        self.arms: dict[str, ArmResult] = {
            name: arm
            for name, arm in join_seeds(self.results.pop("arms")).items()
            if not (self.own_pairs and name in WORLD_ARMS)
        }

    def setting(self, path: str) -> Any:
        """A setting by its dotted name; None where there is none."""
        value: Any = self.settings
        for key in path.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def result(self, name: str) -> dict[str, Any] | None:
        """A file of `evaluation/` by its stem."""
        found = self.results.get(name)
        return found if isinstance(found, dict) else None

    @property
    def wanted_arms(self) -> tuple[str, ...]:
        """The arms that the settings ask for."""
        wanted = self.setting("arms")
        return tuple(name for name in LABELS if isinstance(wanted, (list, tuple)) and name in wanted)

    @cached_property
    def metrics(self) -> dict[str, Metric]:
        """`metrics.json`; empty while the run is unfinished."""
        if not (self.out / METRICS_NAME).is_file():
            return {}
        metrics = read_metrics(self.out)
        if self.own_pairs:
            return {key: value for key, value in metrics.items() if not any(word in key for word in _WORLD_KEYS)}
        return metrics

    @cached_property
    def environment(self) -> dict[str, Any]:
        """`environment.json`; empty while the run is unfinished."""
        return read_environment(self.out) if (self.out / ENVIRONMENT_NAME).is_file() else {}

    def store(self, name: str) -> PairStore | None:
        """A finished store by its path in the folder, such as "tokens/test"."""
        folder = self.out / name
        if not folder.is_dir():
            return None
        try:
            return PairStore(folder)
        except InputError as error:
            logger.warning("%s is left out of the report: %s", folder, error)
            return None

    @cached_property
    def test(self) -> PairStore | None:
        """The test images with their tokens and references."""
        return self.store("tokens/test")

    @cached_property
    def captions(self) -> PairStore | None:
        """What the language model wrote."""
        return self.store("captions")

    @cached_property
    def tokenizer(self) -> VQTokenizer | None:
        """The VQ-GAN, on the CPU."""
        folder = self.out / "models" / "tokenizer"
        if not (folder / "config.json").is_file():
            return None
        try:
            return VQTokenizer.from_pretrained(folder)
        except InputError as error:
            logger.warning("%s is left out of the report: %s", folder, error)
            return None

    def training_times(self) -> list[TrainingTime]:
        """Every training that left a log, in the order of the recipe."""
        found = []
        for name in ("tokenizer", "language_model", "generator"):
            found.append(training_time(name.replace("_", " ").capitalize(), [self.out / "models" / name]))
        for arm in self.arms.values():
            folders = [self.out / "vlm" / f"{arm.name}-{seed}" for seed in arm.seeds]
            found.append(training_time(f"VLM {arm.label}, {plural(len(folders), 'seed')}", folders))
        return [time for time in found if time]


def flatten(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as dotted name -> value."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _without_world(settings: dict[str, Any]) -> dict[str, Any]:
    def kept(values: dict[str, Any], prefix: str) -> dict[str, Any]:
        return {
            key: kept(value, f"{prefix}{key}.") if isinstance(value, dict) else value
            for key, value in values.items()
            if f"{prefix}{key}" not in WORLD_SETTINGS
        }

    found = kept(settings, "")
    if isinstance(found.get("arms"), list):
        found["arms"] = [name for name in found["arms"] if name not in WORLD_ARMS]
    return found


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
